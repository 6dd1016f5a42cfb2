"""fig-shortcut: what explanations have in common, and networks trained on corrected images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.plots.axes import bare, bars, overlay, picture
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from sparks_thesis.common.figure_data import FigureData

# Condition → its colour, in order.
CONDITIONS = {
    "as they are": "#999999",
    "random clusters": "#999999",
    "clusters of random places": "#56B4E9",
    "clusters of maps": "#0072B2",
    "parts known": "#009E73",
}
SPLITS = {"test": "unbiased", "test_biased": "as in training"}


@dataclass(frozen=True)
class Shortcut:
    """Clusters, corrected images, and the accuracy of networks trained on them.

    Attributes:
        bootstrap: of the accuracies, over test images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame, shortcut_pictures: Sequence[FigureData]) -> Drawing:
        """Draw the figure from an experiment's tidy scores and the study's pictures."""
        from matplotlib.figure import Figure

        rows = scores[(scores["metric"] == "Accuracy") & scores["method"].isin(list(CONDITIONS))]
        if rows.empty or not shortcut_pictures:
            raise SparksError(
                "fig-shortcut needs the study shortcut: give the experiment a data set"
            )
        data = shortcut_pictures[0]
        rows = rows[(rows["dataset"] == data.dataset) & (rows["model"] == data.model)]
        with style():
            figure = Figure(figsize=(PAGE, 3.6), layout="constrained")
            parts: Any = figure.subfigures(1, 2, width_ratios=[1.2, 1])
            above, below = parts[0].subfigures(2, 1)
            self._clusters(above, data)
            self._images(below, data)
            axes = parts[1].subplots(2, 1, sharex=True)
            for axis, (split, title) in zip(axes, SPLITS.items(), strict=True):
                self._accuracies(axis, rows[rows["split"] == split])
                axis.set_title(f"accuracy, {title}")
        return Drawing(figure, self._caption(scores, rows, data))

    @staticmethod
    def _clusters(part: SubFigure, data: FigureData) -> None:
        crops = data.arrays["crops"]
        axes = part.subplots(crops.shape[1], len(crops), squeeze=False)
        for column, (cluster, purity) in enumerate(zip(crops, data.arrays["purity"], strict=True)):
            axes[0, column].set_title(f"{purity:.0%}", fontsize=6)
            for axis, crop in zip(axes[:, column], cluster, strict=True):
                picture(axis, crop)

    @staticmethod
    def _images(part: SubFigure, data: FigureData) -> None:
        images = data.arrays["images"]
        axes = part.subplots(3, len(images), squeeze=False)
        most = np.quantile(data.arrays["maps"], 0.995)
        for column, image in enumerate(images):
            overlay(axes[0, column], image.mean(0), data.arrays["maps"][column], float(most))
            axes[1, column].imshow(data.arrays["pixels"][column], cmap="gray", vmin=0, vmax=1)
            picture(axes[2, column], data.arrays["repainted"][column])
            bare(axes[0, column])
            bare(axes[1, column])
        for axis, name in zip(axes[:, 0], ("map", "painted over", "corrected"), strict=True):
            axis.set_ylabel(name, fontsize=6)

    def _accuracies(self, axis: Axes, rows: pd.DataFrame) -> None:
        names = [name for name in CONDITIONS if name in set(rows["method"])]
        found = [self._accuracy(rows, name) for name in names]
        values, low, high = (
            100 * np.array([getattr(one, end) for one in found]) for end in ("mean", "low", "high")
        )
        bars(axis, values, names, [CONDITIONS[name] for name in names], (low, high))
        axis.axvline(10, color="black", ls=":", lw=0.8)

    def _accuracy(self, rows: pd.DataFrame, name: str) -> Interval:
        """Return the accuracy in one condition: mean over test images of that over networks."""
        return self.bootstrap.mean(self._right(rows, name))

    @staticmethod
    def _right(rows: pd.DataFrame, name: str) -> pd.Series[float]:
        """Return the share of networks that are right, of each test image."""
        return rows[rows["method"] == name].groupby("image")["value"].mean()

    def _caption(self, scores: pd.DataFrame, rows: pd.DataFrame, data: FigureData) -> str:
        unbiased = rows[rows["split"] == "test"]
        found = {
            name: shown(self._accuracy(unbiased, name), 1, 100)
            for name in CONDITIONS
            if name in set(unbiased["method"])
        }
        accuracies = "; ".join(f"{name} {value} %" for name, value in found.items())
        gain = self.bootstrap.difference(
            *(
                self._right(unbiased, name)
                for name in ("clusters of maps", "clusters of random places")
            )
        )
        painted = scores[scores["metric"].isin(["PaintedShare", "PaintedParts"])]
        shares: Any = painted.groupby(["method", "metric"])["value"].mean().to_dict()
        share, parts = (
            shares.get(("clusters of maps", metric), float("nan"))
            for metric in ("PaintedShare", "PaintedParts")
        )
        marked, number = (int(value) for value in data.arrays["clusters"])
        return (
            f"Training images of {data.dataset}, in which the background goes with the class, "
            "explained by Grad-CAM for their labels. The cells with the most of each map were "
            f"embedded by an early layer and clustered; {marked} of {number} clusters show "
            "deciding parts less than places at random do: these a simulated person calls "
            "irrelevant. Top left: crops of the largest of them, and the share of each that one "
            "class has. Below: maps, the cells of irrelevant clusters, and the images with these "
            "cells painted over "
            f"by those of another image ({share:.0%} of all pixels, {parts:.0%} of the deciding "
            f"parts). Right: networks of {rows['seed'].nunique()} seeds trained on the images as "
            "they are; corrected by as many clusters at random; by clusters of cells at random "
            "places, without maps; by clusters of cells that maps mark; and, as oracle, with "
            "everything but the parts painted over. Mean over test images with "
            f"{self.bootstrap.level:.0%} bootstrap intervals; dotted: chance. Unbiased: "
            f"{accuracies}; maps over random places {shown(gain, 1, 100, sign='+')}. The clusters "
            "of explanations are zeng2023soxai's; the simulated person, the correction by "
            "painting, and all numbers are ours."
        )
