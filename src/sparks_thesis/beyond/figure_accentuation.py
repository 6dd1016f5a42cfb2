"""fig-accentuation: images as classes would have them, and what other networks say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.plots.axes import picture
from sparks.results import ITSELF
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.beyond import CHANGES, TOWARDS
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sparks_thesis.common.figure_data import FigureData

COLOURS = dict(zip(TOWARDS, ("#0072B2", "#D55E00"), strict=True))
SHIFT = 0.14  # between the marks of the two classes
AMPLIFIED = 5  # times, in the pictures of changes


@dataclass(frozen=True)
class Accentuations:
    """Accentuated images, their changes, and the logit that each kind of change gains.

    Attributes:
        bootstrap: of the means, over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(
        self, scores: pd.DataFrame, accentuation_pictures: Sequence[FigureData]
    ) -> Drawing:
        """Draw the figure from an experiment's tidy scores and the study's pictures."""
        from matplotlib.figure import Figure

        if not accentuation_pictures or not (scores["metric"] == "LogitGain").any():
            raise SparksError(
                "fig-accentuation needs the study accentuation: give the experiment a data set"
            )
        data = accentuation_pictures[0]
        rows = scores[
            (scores["dataset"] == data.dataset)
            & (scores["model"] == data.model)
            & (scores["seed"] == data.seed)
        ]
        judges = [ITSELF] + (["others"] if self._of(rows, "others").any() else [])
        with style():
            count = len(data.arrays["images"])
            figure = Figure(figsize=(PAGE, count + 0.4), layout="constrained")
            parts: Any = figure.subfigures(1, 2, width_ratios=[1.75, 1])
            self._pictures(parts[0].subplots(count, 5, squeeze=False), data)
            axes = parts[1].subplots(len(judges), 1, squeeze=False)[:, 0]
            for axis, judge in zip(axes, judges, strict=True):
                self._gains(axis, rows[self._of(rows, judge)])
                of = "the network itself" if judge == ITSELF else "other networks"
                axis.set_title(f"logit gained, {of}", fontsize=7)
            parts[1].legend(
                *axes[0].get_legend_handles_labels(),
                **{"loc": "outside lower center", "ncols": 2, "fontsize": 6, "frameon": False},
            )
        return Drawing(figure, self._caption(rows, data, judges))

    @staticmethod
    def _of(rows: pd.DataFrame, judge: str) -> pd.Series[bool]:
        """Return which rows were scored by the network itself, or by the others."""
        scored = rows["evaluator"] != ""
        return scored & ((rows["evaluator"] == ITSELF) == (judge == ITSELF))

    @staticmethod
    def _pictures(axes: Any, data: FigureData) -> None:
        names, arrays = data.metadata["classes"], data.arrays
        for i, row in enumerate(axes):
            image = arrays["images"][i]
            picture(row[0], image)
            for column, (towards, goals) in enumerate(zip(TOWARDS, arrays["classes"], strict=True)):
                made = arrays[towards][i]
                picture(row[1 + 2 * column], made)
                picture(row[2 + 2 * column], np.clip(0.5 + AMPLIFIED * (made - image), 0, 1))
                row[1 + 2 * column].set_xlabel(names[int(goals[i])], fontsize=6, labelpad=1)
        for axis, title in zip(
            axes[0], ("image", *(t for name in TOWARDS for t in (name, "change"))), strict=True
        ):
            axis.set_title(title, fontsize=6)

    def _gains(self, axis: Axes, rows: pd.DataFrame) -> None:
        for towards, side in zip(TOWARDS, (-SHIFT, SHIFT), strict=True):
            found = [self._mean(rows, "LogitGain", towards, change) for change in CHANGES]
            means = np.array([one.mean for one in found])
            ends = [
                means - [one.low for one in found],
                np.array([one.high for one in found]) - means,
            ]
            places = np.arange(len(CHANGES)) + side
            look: dict[str, Any] = {"color": COLOURS[towards], "ms": 3, "lw": 1}
            axis.errorbar(means, places, xerr=ends, fmt="o", label=towards, **look)
        axis.axvline(0, color="black", lw=0.6)
        axis.set_yticks(range(len(CHANGES)), labels=CHANGES, fontsize=6)
        axis.set_ylim(len(CHANGES) - 0.5, -0.5)

    def _mean(self, rows: pd.DataFrame, metric: str, towards: str, change: str) -> Interval:
        """Return the mean over images of the mean over the networks that scored them."""
        some = rows[
            (rows["metric"] == metric) & (rows["objective"] == towards) & (rows["method"] == change)
        ]
        return self.bootstrap.mean(some.groupby("image")["value"].mean())

    def _caption(self, rows: pd.DataFrame, data: FigureData, judges: Sequence[str]) -> str:
        own, other = TOWARDS
        accentuated, slope, shuffled = CHANGES

        def said(metric: str, towards: str, change: str, digits: int, judge: str = "") -> str:
            some = rows[self._of(rows, judge)] if judge else rows
            return shown(self._mean(some, metric, towards, change), digits)

        images = rows[rows["metric"] == "LogitGain"]["image"].nunique()
        known = " and ".join(sorted(set(rows["evaluator"]) - {"", ITSELF}))
        text = (
            f"Feature accentuation: images, changed a little so that {data.model} sees more of a "
            f"class ({data.dataset}). Left: {len(data.arrays['images'])} of {images} images, "
            "changed towards the class that the network gives them and towards another at random; "
            f"beside each its change, {AMPLIFIED} times and around grey. The root mean square "
            f"change of a pixel is {said('PixelChange', own, accentuated, 3)} and "
            f"{said('PixelChange', other, accentuated, 3)}. Right: logit of that class gained, "
            f"mean over images with {self.bootstrap.level:.0%} bootstrap interval, by the "
            "accentuation and by two changes of the same root mean square: along the gradient of "
            "the logit, and the accentuation's with the phases of its frequencies shuffled. "
        )
        if len(judges) > 1:
            text += (
                f"Below: the same images scored by {known}, which had no part in it. Changed "
                f"towards another class they gain {said('LogitGain', other, accentuated, 2, 'o')} "
                f"there, along the gradient {said('LogitGain', other, slope, 2, 'o')}, with "
                f"shuffled phases {said('LogitGain', other, shuffled, 2, 'o')}; that class comes "
                f"first in {said('TargetFirst', other, accentuated, 2, 'o')} of the images, along "
                f"the gradient in {said('TargetFirst', other, slope, 2, 'o')}. "
            )
        return text + (
            "Accentuation is hamblin2024accentuation's; the comparison and its numbers are ours."
        )
