"""fig-craft-recursion: a concept of the last layer, and its sub-concepts one layer before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparks.errors import SparksError
from sparks.plots.axes import COLOURS, strip
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.style import PAGE, Drawing, style


@dataclass(frozen=True)
class CraftRecursion:
    """The most important concept of the class shown, of the first model that has two layers."""

    def __call__(self, craft_pictures: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        found = [s for s in craft_pictures if "recursion.crops" in s.arrays]
        if not found:
            raise SparksError("fig-craft-recursion needs a model with concepts at two layers")
        shown = found[0]
        arrays = shown.part("recursion")
        rows, columns = arrays["crops"].shape[:2]
        with style():
            figure, axes = self._canvas(rows + 1, columns)
            strip(axes[0], arrays["parent"])
            names = [f"concept {int(shown.part('class')['order'][0])}"]
            names += [f"sub-concept {row + 1}" for row in range(rows)]
            for row in range(rows):
                strip(axes[row + 1], arrays["crops"][row])
            for axis, name, colour in zip(axes[:, 0], names, ["#000000", *COLOURS], strict=False):
                axis.set_ylabel(
                    name, rotation=0, ha="right", va="center", color=colour, fontweight="bold"
                )
        caption = (
            f"Recursion: the most important concept of the class {shown.metadata['shown']} of "
            f"{shown.dataset} ({shown.model}, last layer), and its sub-concepts one layer earlier, "
            "where classes have not yet collapsed, found by CRAFT on the tenth of the crops with "
            "the largest coefficients. Each row shows the crops with the largest coefficients, at "
            "most one per image. The paper's example is the parachute of ImageNet."
        )
        return Drawing(figure, caption)

    @staticmethod
    def _canvas(rows: int, columns: int) -> tuple[Any, Any]:
        from matplotlib.figure import Figure

        figure = Figure(
            figsize=(PAGE * 0.8, PAGE * 0.8 * rows / (columns + 1)), layout="constrained"
        )
        return figure, figure.subplots(rows, columns, squeeze=False)
