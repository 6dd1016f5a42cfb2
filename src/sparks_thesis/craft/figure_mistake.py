"""fig-craft-mistake: an image that is classified wrong, explained by concepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.style import Drawing, style
from sparks_thesis.craft.figure_unified import explain_image


@dataclass(frozen=True)
class CraftMistake:
    """The most confident mistake of the first model that makes one; else the closest call."""

    def __call__(self, craft_pictures: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        shown = next((s for s in craft_pictures if s.metadata["wrong"]), craft_pictures[0])
        metadata = shown.metadata
        with style():
            figure = explain_image(shown.part("mistake"), metadata["mistake_predicted"])
        what = (
            f"The test image of {shown.dataset} that {shown.model} gets wrong most confidently: "
            f"its label is {metadata['mistake_label']}, the prediction "
            f"{metadata['mistake_predicted']}"
            if metadata["wrong"]
            else f"{shown.model} gets no test image of {shown.dataset} wrong; this is its closest "
            f"call, {metadata['mistake_label']}"
        )
        caption = (
            f"{what}. The heat map shows the pixels that support the prediction; the concepts of "
            "the predicted class show what they are taken for. For each concept: its share of the "
            "positive contributions to the logit, its map, its MACO visualisation, and the "
            "training crops with its largest coefficients. The paper's example is an astronaut "
            "predicted as a shovel, because of dirt and ski pants."
        )
        return Drawing(figure, caption)
