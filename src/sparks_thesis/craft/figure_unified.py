"""fig-unified: one image: where the model looks, what it sees there, and how much that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparks.plots.axes import COLOURS, bare, picture, strip
from sparks_thesis.common.concept_figures import concept_map
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.style import PAGE, Drawing, style

ROWS, CROPS = 3, 4  # concepts shown, and crops of each


def explain_image(arrays: dict[str, NDArray[Any]], predicted: str) -> Any:
    """Draw an image: heat map on the left, its concepts on the right, one a row."""
    from matplotlib.figure import Figure

    count = min(ROWS, len(arrays["share"]))
    crops = min(CROPS, arrays["crops"].shape[1])
    figure: Any = Figure(figsize=(PAGE, 0.8 * count + 0.35), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 4.8])
    where = left.subplots(2, 1)
    picture(where[0], arrays["image"])
    where[0].set_title(f"image: {predicted}")
    grey = np.repeat(arrays["image"].mean(0, keepdims=True), 3, 0)
    picture(where[1], 0.3 + 0.7 * grey)
    heat = arrays["heat"] / max(float(arrays["heat"].max()), 1e-12)
    where[1].imshow(heat, cmap="inferno", alpha=0.55, vmin=0, vmax=1)
    where[1].set_title("where (GradCAM)")
    axes = right.subplots(count, crops + 3, squeeze=False)
    for row in range(count):
        share, colour = float(arrays["share"][row]), COLOURS[row]
        axes[row, 0].barh([0], [share], color=colour)
        axes[row, 0].set(xlim=(0, 1), ylim=(-0.8, 0.8))
        axes[row, 0].text(share + 0.04, 0, f"{share:.0%}", va="center", fontsize=8)
        bare(axes[row, 0])
        axes[row, 0].set_box_aspect(1)
        axes[row, 0].set_ylabel(
            f"concept {int(arrays['order'][row])}", rotation=0, ha="right", va="center",
            color=colour, fontweight="bold",
        )  # fmt: skip
        concept_map(axes[row, 1], arrays["image"], arrays["maps"][row], colour)
        picture(axes[row, 2], arrays["maco"][row])
        strip(axes[row, 3:], arrays["crops"][row, :crops])
    axes[0, 0].set_title("how much")
    axes[0, 1].set_title("where")
    axes[0, 2].set_title("MACO")
    axes[0, 3].set_title("crops", loc="left")
    return figure


@dataclass(frozen=True)
class Unified:
    """The first image of the class shown, of the first model."""

    def __call__(self, craft_pictures: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        shown = craft_pictures[0]
        with style():
            figure = explain_image(shown.part("unified"), shown.metadata["unified_predicted"])
        caption = (
            f"One image of {shown.dataset} that {shown.model} predicts as "
            f"{shown.metadata['unified_predicted']}, explained by location and by concept. Left: "
            "GradCAM of the logit. Right, for each of the most important concepts: its share of "
            "the positive contributions to the logit (coefficient times derivative, exact at the "
            "last layer), its map, its MACO visualisation (white where pixels matter little), and "
            "the training crops with its largest coefficients."
        )
        return Drawing(figure, caption)
