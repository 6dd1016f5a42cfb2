"""fig-paths: where the paths of a gradient begin, and how many share its weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.plots.axes import bare, bars, picture
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.by_method import per_image
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sparks_thesis.common.figure_data import FigureData

MAPS = ("gradient", "heaviest path", "sum of paths", "entropy of paths", "random")
COLOURS = dict(zip(MAPS, ("#E69F00", "#0072B2", "#56B4E9", "#009E73", "#999999"), strict=True))
NETWORKS = {"trained": "#0072B2", "untrained": "#999999"}


@dataclass(frozen=True)
class Paths:
    """Maps of paths, the pointing game, and the entropy of trained and untrained networks.

    Attributes:
        bootstrap: of the means, over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame, gradient_paths_maps: Sequence[FigureData]) -> Drawing:
        """Draw the figure from an experiment's tidy scores and the study's maps."""
        from matplotlib.figure import Figure

        if not gradient_paths_maps or not (scores["metric"] == "PathEntropy").any():
            raise SparksError(
                "fig-paths needs the study gradient_paths: give the experiment a data set"
            )
        data = gradient_paths_maps[0]
        rows = scores[(scores["dataset"] == data.dataset) & (scores["model"] == data.model)]
        with style():
            figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
            parts: Any = figure.subfigures(1, 2, width_ratios=[1.3, 1])
            self._maps(parts[0].subplots(len(data.arrays["images"]), 5, squeeze=False), data)
            pointing, entropy = parts[1].subplots(2, 1, height_ratios=[2, 1])
            self._pointing(pointing, rows)
            self._entropy(entropy, rows)
        return Drawing(figure, self._caption(rows, data))

    @staticmethod
    def _maps(axes: Any, data: FigureData) -> None:
        for row, image in zip(axes, data.arrays["images"], strict=True):
            picture(row[0], image)
        for column, name in enumerate(MAPS[:-1], start=1):
            axes[0, column].set_title(name, fontsize=6)
            for axis, one in zip(axes[:, column], data.arrays[name], strict=True):
                axis.imshow(one, cmap="magma", vmin=0, vmax=np.quantile(one, 0.995))
                bare(axis)

    def _pointing(self, axis: Axes, rows: pd.DataFrame) -> None:
        found = [self._mean(rows, "PointingGame", name) for name in MAPS]
        values, low, high = (
            100 * np.array([getattr(one, end) for one in found]) for end in ("mean", "low", "high")
        )
        bars(axis, values, MAPS, [COLOURS[name] for name in MAPS], (low, high))
        chance = rows[rows["metric"] == "PointingChance"]["value"].mean()
        axis.axvline(100 * chance, color="black", ls=":", lw=0.8)
        axis.set_title("maximum on a part that decides (%)")

    def _entropy(self, axis: Axes, rows: pd.DataFrame) -> None:
        found = [self._mean(rows, "PathEntropy", name) for name in NETWORKS]
        values, low, high = (
            np.array([getattr(one, end) for one in found]) for end in ("mean", "low", "high")
        )
        bars(axis, values, list(NETWORKS), list(NETWORKS.values()), (low, high))
        axis.axvline(self._mean(rows, "PathCount", "trained").mean, color="black", ls="--", lw=0.8)
        axis.set_title("entropy of all paths (nats)")

    def _mean(self, rows: pd.DataFrame, metric: str, name: str) -> Interval:
        return self.bootstrap.mean(per_image(rows, metric, name))

    def _caption(self, rows: pd.DataFrame, data: FigureData) -> str:
        numbers = {
            (metric, name): self._mean(rows, metric, name)
            for metric in ("PathEntropy", "PathCount", "PathShare", "PathLength")
            for name in NETWORKS
        }
        entropy, other = (shown(numbers["PathEntropy", name], 2) for name in NETWORKS)
        count = numbers["PathCount", "trained"].mean
        images = rows[rows["method"] == "heaviest path"]["image"].nunique()
        return (
            f"Paths of the gradient of {data.model} on {data.dataset}, from every pixel to the "
            "logit of the explained class; the weight of a path is the absolute product of its "
            "derivatives. Left: images, the largest absolute gradient over channels, the weight of "
            "the heaviest path from each pixel, the sum of weights, and the entropy of the paths. "
            f"Right, above: pointing game on {images} images and networks of "
            f"{rows['seed'].nunique()} seeds with {self.bootstrap.level:.0%} bootstrap intervals; "
            "dotted: the parts' area. Below: entropy of the paths from all pixels, mean with "
            f"{self.bootstrap.level:.0%} bootstrap interval: {entropy} trained, {other} with new "
            "random weights; dashed: log of the number of paths of the trained network, "
            f"{count:.1f}. The heaviest path has {numbers['PathShare', 'trained'].mean:.1e} of all "
            f"weight, and passes {numbers['PathLength', 'trained'].mean:.1f} layers with weights "
            f"({numbers['PathLength', 'untrained'].mean:.1f} untrained). Backpropagation over "
            "semirings is du2023semirings's; images, controls and numbers are ours."
        )
