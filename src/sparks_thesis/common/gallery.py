"""fig-gallery: the same images explained by every method, the parts that truly decide outlined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparks.checks import whole
from sparks.errors import SparksError
from sparks.plots.axes import SIGNED, overlay
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.style import Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from sparks.data import ImageSet


# Inches: the side of a map, and the room for the names above a block.
CELL, NAMES = 0.7, 0.85


@dataclass(frozen=True)
class Gallery:
    """Images × methods.

    Attributes:
        rows: images of each data set, the first of as many different classes.
        columns: methods beside each other; more of them continue in a band below, with the same
            images.
        percentile: of |map| that has full colour; each map is divided by its own.
        left_out: labels of methods that are not shown.
    """

    rows: int = 3
    columns: int = 9
    percentile: float = 99.5
    left_out: Sequence[str] = ()

    def __post_init__(self) -> None:
        whole(self, 1, "rows", "columns")

    def __call__(self, images: Mapping[str, ImageSet], maps: Sequence[FigureData]) -> Drawing:
        """Draw the gallery: for each data set and model, bands of methods over the same images."""
        maps = [one for one in maps if one.method not in self.left_out]
        # The largest images first: photographs before icons.
        blocks = sorted(
            dict.fromkeys((m.dataset, m.model) for m in maps),
            key=lambda block: -images[block[0]].batch([0]).shape[-1],
        )
        methods = list(dict.fromkeys(m.method for m in maps))
        if not methods:
            raise SparksError("fig-gallery has no map to show: give the experiment a method")
        width = -(-len(methods) // -(-len(methods) // self.columns))
        bands = [methods[start : start + width] for start in range(0, len(methods), width)]
        rows = {dataset: min(self.rows, len(images[dataset])) for dataset, _ in blocks}
        with style():
            heights = [rows[dataset] for dataset, _ in blocks for _ in bands]
            figure, axes = self._canvas(heights, width + 1)
            waiting = iter(axes)
            for dataset, model in blocks:
                shown = {m.method: m for m in maps if (m.dataset, m.model) == (dataset, model)}
                for band in bands:
                    block = next(waiting)
                    self._block(block, images[dataset], shown, band)
                    title = f"{dataset}\n{model}"
                    block[0, 0].set_title(title, fontweight="bold", ha="right", x=1)
                    for axis, name in zip(block[0, 1:], band, strict=False):
                        axis.set_title(name, rotation=40, ha="left", va="bottom", x=0.3)
            self._legend(figure)
        caption = (
            f"The first image of {self.rows} classes of each data set, where they are known with "
            "the parts that decide its class outlined, and the maps of every method for the class "
            "that the model predicts (named beside the image; a wrong one is marked ✗ with the "
            "true class), over a pale copy of the image. One colour rule for all: each map is "
            f"divided by its own {self.percentile} % quantile of |value|; red raises the score, "
            "blue lowers it, and where the image shows through nothing happens. Methods that know "
            "no sign (Saliency, the squares and variances of gradients, Sobol, HSIC) show how much "
            f"in red.{_credits(images, rows)}"
        )
        return Drawing(figure, caption)

    @staticmethod
    def _canvas(heights: Sequence[int], columns: int) -> tuple[Any, list[NDArray[Any]]]:
        """Lay out square cells in blocks below each other, each with room for names above it.

        Args:
            heights: rows of each block.
            columns: of all.

        Returns:
            The figure, and the axes (rows, columns) of each block.
        """
        from matplotlib.figure import Figure

        tall = [height for rows in heights for height in (NAMES, *[CELL] * rows)]
        figure = Figure(figsize=(CELL * columns, sum(tall)))
        edges = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.05, "hspace": 0.05}
        grid = figure.add_gridspec(len(tall), columns, height_ratios=tall, **edges)
        blocks, row = [], 0
        for rows in heights:
            places = [[grid[row + 1 + r, c] for c in range(columns)] for r in range(rows)]
            axes = np.array([[figure.add_subplot(cell) for cell in line] for line in places])
            for axis in axes.flat:
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
            blocks.append(axes)
            row += 1 + rows
        return figure, blocks

    def _block(
        self,
        axes: NDArray[Any],
        images: ImageSet,
        shown: Mapping[str, FigureData],
        methods: Sequence[str],
    ) -> None:
        truth = images.diagnostic()
        target = next(iter(shown.values())).arrays["target"]
        for row, index in enumerate(_one_of_each_class(images.labels, len(axes))):
            picture = images.batch([index])[0].permute(1, 2, 0).numpy()
            _show_image(axes[row, 0], picture)
            _name(axes[row, 0], images.classes, int(images.labels[index]), int(target[index]))
            if truth is not None:
                for colour, width in (("black", 2.0), ("white", 1.0)):
                    line = {"levels": [0.5], "colors": colour, "linewidths": width}
                    axes[row, 0].contour(truth[index].numpy(), **line)
            for axis, method in zip(axes[row, 1:], methods, strict=False):
                if method in shown:
                    self._show_map(axis, shown[method].arrays["maps"][index], picture)
                else:
                    _say(axis, "n/a")

    def _show_map(self, axis: Axes, values: NDArray[Any], picture: NDArray[Any]) -> None:
        scale = np.nanpercentile(np.abs(values), self.percentile) if values.size else 0.0
        overlay(axis, picture.mean(-1), values / (scale or 1.0), 1.0)

    @staticmethod
    def _legend(figure: Any) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        width, height = figure.get_size_inches()
        place = figure.add_axes((0.5 - 1 / width, -0.2 / height, 2 / width, 0.07 / height))
        colours = ScalarMappable(Normalize(-1, 1), SIGNED)
        bar = figure.colorbar(colours, cax=place, orientation="horizontal")
        bar.set_ticks([-1, 0, 1], labels=["lowers the score", "0", "raises it"])


def _credits(images: Mapping[str, ImageSet], rows: Mapping[str, int]) -> str:
    """Name the photographers of the images shown, where their data sets do."""
    credits = [
        f"{data.classes[data.labels[index]]} by {data.credits[index]}"
        for dataset, count in rows.items()
        if (data := images[dataset]).credits
        for index in _one_of_each_class(data.labels, count)
    ]
    return f" Photographs: {'; '.join(credits)}." if credits else ""


def _one_of_each_class(labels: Tensor, count: int) -> list[int]:
    """Return the first image of each of the first `count` classes (more of each if too few)."""
    places: dict[int, list[int]] = {}
    for index, label in enumerate(labels.tolist()):
        places.setdefault(label, []).append(index)
    queue = [places[label] for label in sorted(places)]
    rounds = [[column[depth] for column in queue if depth < len(column)] for depth in range(count)]
    return [index for chosen in rounds for index in chosen][:count]


def _show_image(axis: Axes, picture: NDArray[Any]) -> None:
    axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=1)


def _say(axis: Axes, text: str) -> None:
    axis.set_aspect("equal")
    axis.text(0.5, 0.5, text, ha="center", va="center", color="gray", transform=axis.transAxes)


def _name(axis: Axes, classes: Sequence[str], label: int, predicted: int) -> None:
    """Write the predicted class beside an image, and the true one where they differ."""
    text = classes[predicted] + ("" if label == predicted else f" ✗\n({classes[label]})")
    axis.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=6)
