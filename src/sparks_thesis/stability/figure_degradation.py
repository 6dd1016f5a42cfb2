"""fig-stability-degradation and fig-stability-mufidelity: scores of degraded predictors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval
from sparks_thesis.common.methods import in_order, look
from sparks_thesis.common.style import PAGE, Drawing, style
from sparks_thesis.stability.scored import KINDS, Scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACCURACY = "accuracy of the networks"
GREY: Mapping[str, Any] = {"color": "#777777", "ls": "--"}
BARS = {"MeGe": "MeGe ↑", "ReCo": "ReCo ↑", "MuFidelity": "MuFidelity ↑"}


class Point(NamedTuple):
    """One score at one level of degradation."""

    percent: int
    interval: Interval


@dataclass(frozen=True)
class Degradation:
    """Each score against the share of weights randomised and of wrong labels; a line a method.

    Attributes:
        metrics: which scores: MeGe, ReCo, MuFidelity.
        counterparts: "data set, network" of ours → published data set drawn below it (the
            nearest in kind).
        bootstrap: over images within folds.
    """

    metrics: Sequence[str]
    counterparts: Mapping[str, str] = field(default_factory=dict)
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame | None = None) -> Drawing:
        """Draw the figure from an experiment's tidy scores and the digitised curves."""
        scored = Scored(scores, self.bootstrap)
        rows = list(self._rows(scored, published))
        if not rows:
            raise SparksError("no network was trained on folds: run the experiment stability")
        columns = [(metric, kind) for metric in self.metrics for kind in KINDS]
        with style():
            from matplotlib.figure import Figure

            figure = Figure(figsize=(PAGE, 0.7 + 1.55 * len(rows)), layout="constrained")
            axes = figure.subplots(len(rows), len(columns), squeeze=False, sharex=True)
            for (name, lines), line_axes in zip(rows, axes, strict=True):
                for axis, column in zip(line_axes, columns, strict=True):
                    self._panel(axis, lines, column)
                line_axes[0].set_ylabel(name)
            for axis, (metric, kind) in zip(axes[0], columns, strict=True):
                axis.set_title(f"{BARS[metric]}\n{kind}")
            for axis in axes[-1]:
                axis.set_xlabel("%")
            handles = {
                label: handle
                for axis in axes.flat
                for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
            }
            order = in_order(handles)
            figure.legend(
                [handles[method] for method in order], order, loc="outside lower center", ncols=6,
                frameon=False,
            )  # fmt: skip
        return Drawing(figure, self._caption(scored, [name for name, _ in rows]))

    def _rows(
        self, scored: Scored, published: pd.DataFrame | None
    ) -> Iterator[tuple[str, dict[Any, list[Point]]]]:
        """Yield the name of each row, and (metric, kind, method) → points."""
        for dataset, model in scored.images:
            lines = {
                (metric, kind, method): [
                    Point(
                        percent,
                        scored.estimate(dataset, model, condition, method, metric).interval(),
                    )
                    for percent, condition in scored.conditions(kind)
                ]
                for metric in self.metrics
                for kind in KINDS
                for method in scored.methods(dataset, model)
            }
            yield f"{dataset}\n{model}", lines
            for metric, kind in product(self.metrics, KINDS):
                lines[metric, kind, ACCURACY] = [
                    Point(percent, scored.accuracy(dataset, model, condition))
                    for percent, condition in scored.conditions(kind)
                ]
            theirs = self.counterparts.get(f"{dataset}, {model}")
            if published is not None and theirs in set(published["dataset"]):
                yield self._published(published[published["dataset"] == theirs])

    def _published(self, rows: pd.DataFrame) -> tuple[str, dict[Any, list[Point]]]:
        rows = rows[rows["metric"].isin(list(self.metrics)) & rows["percent"].notna()]
        rows = rows.astype({"percent": int})
        nan = float("nan")
        lines = {
            names: [
                Point(percent, Interval(value, nan, nan, 0))
                for percent, value in zip(line["percent"], line["value"], strict=True)
            ]
            for names, line in rows.sort_values("percent").groupby(
                ["metric", "degradation", "method"]
            )
        }
        return f"published:\n{rows['dataset'].iloc[0]}\n{rows['model'].iloc[0]}", lines

    @staticmethod
    def _panel(axis: Axes, lines: dict[Any, list[Point]], column: tuple[str, str]) -> None:
        for (metric, kind, method), points in lines.items():
            if (metric, kind) != column:
                continue
            shown = GREY if method == ACCURACY else look(method)
            x = [point.percent for point in points]
            axis.plot(x, [p.interval.mean for p in points], label=method, ms=3, lw=1, **shown)
            low, high = ([getattr(p.interval, end) for p in points] for end in ("low", "high"))
            axis.vlines(x, low, high, color=shown["color"], lw=0.6, alpha=0.6)
        axis.set_xticks([0, 5, 10, 30])
        axis.axhline(0, color="#cccccc", lw=0.6, zorder=0)

    def _caption(self, scored: Scored, rows: Sequence[str]) -> str:
        images = "; ".join(f"{len(i)} images of {d}" for (d, _), i in scored.images.items())
        details = (
            f"{' and '.join(self.metrics)} against the share of randomised weights of every "
            f"convolution, and of wrong training labels; over {images}, with "
            f"{self.bootstrap.level:.0%} bootstrap intervals over images within folds. Dashed: the "
            "share of these images on which the networks that have not seen them are right."
        )
        if "MuFidelity" in self.metrics:
            details += " MuFidelity is that of the network that did not see the image."
        else:
            details += (
                " MeGe and ReCo as the paper's tables compute them. Where S≠ (or, for networks"
            )
            details += " near chance, S₌) is small, ReCo exceeds 0 by chance: compare with Random."
            details += scored.undefined()
        if any(name.startswith("published") for name in rows):
            details += " Rows named published: the paper's curves (digitised, ±0.01), of other"
            details += " data and networks."
        return details
