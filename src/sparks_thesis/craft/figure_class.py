"""fig-craft-class: the concepts of a class as crops, their importance, and where they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparks.plots.axes import COLOURS, bars, picture, strip
from sparks_thesis.common.concept_figures import concept_map
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class CraftClass:
    """One class of the first model."""

    def __call__(self, craft_pictures: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        shown = craft_pictures[0]
        arrays = shown.part("class")
        with style():
            figure, upper, bars, lower = self._canvas(arrays)
            for row, concept in enumerate(arrays["order"]):
                strip(upper[row], [arrays["maco"][row], *arrays["crops"][row]])
                label = f"concept {int(concept)}"
                upper[row, 0].set_ylabel(
                    label,
                    color=COLOURS[row],
                    rotation=0,
                    ha="right",
                    va="center",
                    fontweight="bold",
                )
            upper[0, 0].set_title("MACO")
            upper[0, 1].set_title("crops", loc="left")
            self._bars(bars, arrays)
            for column, image in enumerate(arrays["images"]):
                picture(lower[column, 0], image)
                for row in range(len(arrays["order"])):
                    concept_map(
                        lower[column, row + 1], image, arrays["maps"][column, row], COLOURS[row]
                    )
            lower[0, 0].set_title("image")
            for row, concept in enumerate(arrays["order"]):
                lower[0, row + 1].set_title(
                    f"{int(concept)}", color=COLOURS[row], fontweight="bold"
                )
        return Drawing(figure, self._caption(shown, arrays))

    @staticmethod
    def _canvas(arrays: dict[str, NDArray[Any]]) -> tuple[Any, Any, Any, Any]:
        from matplotlib.figure import Figure

        concepts, crops = arrays["crops"].shape[:2]
        images = len(arrays["images"])
        figure: Any = Figure(
            figsize=(PAGE, 0.62 * concepts + 0.85 * images + 0.6), layout="constrained"
        )
        top, bottom = figure.subfigures(
            2, 1, height_ratios=[0.62 * concepts + 0.4, 0.85 * images + 0.3]
        )
        left, right = top.subfigures(1, 2, width_ratios=[1.5, 1])
        upper = left.subplots(concepts, 1 + crops, squeeze=False)
        return figure, upper, right.subplots(), bottom.subplots(images, concepts + 1, squeeze=False)

    @staticmethod
    def _bars(axis: Axes, arrays: dict[str, NDArray[Any]]) -> None:
        order = np.argsort(-arrays["importance"])
        mean = arrays["importance"][order]
        place = np.arange(len(order))
        colours = [COLOURS[i] if i < len(arrays["order"]) else "#999999" for i in place]
        ends = (arrays["low"][order], arrays["high"][order])
        bars(axis, mean, [str(int(c)) for c in order], colours, ends)
        axis.plot(
            arrays["published"][order], place, "kD", ms=3.5, mfc="white",
            label="as published (Halton, unscrambled)",
        )  # fmt: skip
        axis.set(xlabel="total Sobol index (N = 32)", ylabel="concept")
        axis.legend(loc="lower right", frameon=False)

    @staticmethod
    def _caption(shown: FigureData, arrays: dict[str, NDArray[Any]]) -> str:
        ours, theirs = arrays["importance"], arrays["published"]
        ratio = float(np.nansum(theirs) / np.nansum(ours))
        same = int(np.argmax(ours)) == int(np.argmax(theirs))
        return (
            f"The class {shown.metadata['shown']} of {shown.dataset} as {shown.model} sees it, by "
            f"CRAFT. Above, its {len(arrays['order'])} most important concepts: a picture of each "
            "by MACO (from the 1st to the 99th percentile; white where pixels matter little), the "
            "crops with its largest coefficients (at most one per image, from images predicted as "
            f"the class), and the importance of all {len(ours)}: mean total Sobol index over test "
            "images with 95% bootstrap intervals. Diamonds: the authors' sampling design without "
            f"scrambling; its indices sum to {ratio:.2f} times ours, and the most important "
            f"concept is {'the same' if same else 'another'}. Below, the location of these "
            "concepts in images: GradCAM of the coefficient, differentiated through the "
            "non-negative least squares (outlined: above the 90th percentile). The paper shows "
            "such figures for ImageNet classes."
        )
