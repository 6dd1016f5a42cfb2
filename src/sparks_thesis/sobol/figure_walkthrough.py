"""fig-sobol-walkthrough: one image, from the masks of the design to its indices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from sparks.plots.axes import overlay
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.methods import look
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Walkthrough:
    """Masks, masked inputs, scores, indices and their difference, of the largest of the images."""

    def __call__(self, walkthrough: list[FigureData]) -> Drawing:
        """Draw the figure from the arrays of `sparks.attribution.steps`.

        Their metadata names the class that is "explained", and the "credit" of a photograph.
        """
        steps = max(walkthrough, key=lambda one: one.arrays["image"].shape[-1])
        kept = steps.arrays
        with style():
            figure, shown, below = self._canvas(len(kept["rows"]))
            self._masked(shown, kept)
            cells = self._maps(below[1:4], kept)
            self._scores(below[0], kept)
            self._orders(below[4], kept)
        return Drawing(figure, self._caption(steps, cells))

    @staticmethod
    def _canvas(columns: int) -> tuple[Figure, Any, Any]:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(PAGE, 4.3), layout="constrained")
        upper, lower = cast("Any", figure).subfigures(2, 1, height_ratios=[1.4, 1])
        shown = upper.subplots(2, columns + 1)
        below = lower.subplots(1, 5, width_ratios=[1.1, 1, 1, 1, 1.1])
        return figure, shown, below

    @staticmethod
    def _masked(axes: NDArray[Any], kept: Arrays) -> None:
        """Draw the masks, and below them the inputs they leave with their scores."""
        for axis in axes.flat:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        axes[0, 0].axis("off")
        _picture(axes[1, 0], kept["image"])
        axes[1, 0].set_title("the image")
        axes[1, 0].set_xlabel(f"{kept['whole'][0]:.2f}")
        axes[1, 0].set_ylabel("logit below")
        side = round(len(kept["total"]) ** 0.5)
        points = int(kept["points"][0])
        for column, (row, cell) in enumerate(zip(kept["rows"], kept["swapped"], strict=True), 1):
            point = 1 + int(row) % points
            axes[0, column].imshow(kept["masks"][column - 1], cmap="gray", vmin=0, vmax=1)
            _picture(axes[1, column], kept["inputs"][column - 1])
            name = f"$A_{{{point}}}$"
            if cell >= 0:
                name = f"$C^{{({int(cell)})}}_{{{point}}}$"
                for axis in axes[:, column]:
                    _outline(axis, int(cell), side, kept["image"].shape[-1])
            axes[0, column].set_title(name)
            axes[1, column].set_xlabel(f"{kept['scores'][row]:.2f}")

    @staticmethod
    def _scores(axis: Axes, kept: Arrays) -> None:
        axis.hist(kept["scores"], bins=40, color=look("Sobol")["color"])
        axis.axvline(float(kept["whole"][0]), color="k", lw=1)
        axis.set(title=f"{len(kept['scores']):,} scores", xlabel="logit", yticks=[])
        axis.spines["left"].set_visible(False)

    @staticmethod
    def _maps(axes: NDArray[Any], kept: Arrays) -> dict[str, NDArray[Any]]:
        """Draw total and first-order indices and interactions at one scale; return the cells."""
        side = round(len(kept["total"]) ** 0.5)
        cells = {
            "total order ST": kept["total"],
            "first order S": kept["first"],
            "interactions ST − S": kept["total"] - kept["first"],
        }
        most = float(np.nanmax(np.abs(list(cells.values()))))
        for axis, (title, values) in zip(axes, cells.items(), strict=True):
            drawn = overlay(axis, kept["image"].mean(0), values.reshape(side, side), most)
            axis.set(title=title, xticks=[], yticks=[])
            axis.spines[:].set_visible(True)
        axes[0].figure.colorbar(
            drawn, ax=list(axes), location="bottom", shrink=0.5, aspect=30, pad=0.03
        )
        return cells

    @staticmethod
    def _orders(axis: Axes, kept: Arrays) -> None:
        """Draw ST against S, a cell a point, with intervals."""
        bars = {
            f"{side}err": np.abs(
                np.stack([kept[order] - kept[f"{order}_low"], kept[f"{order}_high"] - kept[order]])
            )
            for side, order in (("x", "first"), ("y", "total"))
        }
        axis.errorbar(
            kept["first"],
            kept["total"],
            fmt="o",
            ms=2,
            elinewidth=0.4,
            color=look("Sobol")["color"],
            **bars,
        )
        ends = [min(0.0, *kept["first"]), max(kept["total"])]
        axis.plot(ends, ends, color="k", lw=0.7)
        axis.set(title="a cell a point", xlabel="S", ylabel="ST")

    @staticmethod
    def _caption(steps: FigureData, cells: Mapping[str, NDArray[Any]]) -> str:
        kept, credit = steps.arrays, steps.metadata.get("credit", "")
        shown = steps.metadata["explained"]
        total, first, between = (float(np.nansum(values)) for values in cells.values())
        side, points = round(len(kept["total"]) ** 0.5), int(kept["points"][0])
        return (
            f"One Sobol explanation, step by step: an image of {steps.dataset}, class "
            f"{shown} as {steps.model} predicts it. Above: masks of the design (white "
            "keeps, black removes) and the masked inputs with their logits. C⁽ⁱ⁾ is A with cell i "
            "(outlined) from B, for the cells with the largest and the smallest total index. "
            f"Below: logits of all {len(kept['scores']):,} masked inputs (line: the image itself), "
            "total-order indices, first-order ones and their difference, the interactions, on "
            f"{side} × {side} cells with N = {points}, over a pale copy of the image; each cell "
            f"with its 95% bootstrap intervals. The indices sum to {total:.2f} (total) and "
            f"{first:.2f} (first order): {between:.2f} is due to interactions, counted once for "
            "each cell in them. The paper's default is N = 32; the error of the difference "
            f"shrinks with N.{f' Photograph: {credit}.' if credit else ''}"
        )


def _picture(axis: Axes, image: NDArray[Any]) -> None:
    axis.imshow(image.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1)


def _outline(axis: Axes, cell: int, side: int, pixels: int) -> None:
    from matplotlib.patches import Rectangle

    size = pixels / side
    corner = (cell % side * size - 0.5, cell // side * size - 0.5)
    axis.add_patch(Rectangle(corner, size, size, fill=False, edgecolor="#D55E00", lw=1.2))
