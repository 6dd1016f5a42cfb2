"""fig-eva-gallery: EVA's maps beside those of the methods it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.gallery import Gallery
from sparks_thesis.common.style import Drawing

if TYPE_CHECKING:
    from sparks.data import ImageSet


@dataclass(frozen=True)
class EVAGallery:
    """The gallery of the attribution chapter, on the maps of the EVA study.

    Attributes:
        gallery: how it is laid out.
        methods: labels that are shown, in their order.
    """

    gallery: Gallery = field(default_factory=Gallery)
    methods: Sequence[str] = ("EVA", "Saliency", "Random")

    def __call__(self, images: Mapping[str, ImageSet], eva_maps: Sequence[FigureData]) -> Drawing:
        """Draw the figure."""
        maps, few = [], {}
        for study in eva_maps:
            target = study.arrays["target"]
            few[study.dataset] = images[study.dataset].subset(range(len(target)))
            maps += [
                replace(study, method=m, arrays={"maps": study.arrays[name], "target": target})
                for m in self.methods
                if (name := f"maps/{m}") in study.arrays
            ]
        drawing = self.gallery(few, maps)
        details = (
            "EVA (first, by verified bounds; on convnet the hybrid, which samples a box at a "
            "layer and verifies from there on) and the methods of the paper's figure. Maps of "
            "EVA, Greedy-AS and Greedy-AO have no sign. "
        )
        return replace(drawing, caption=details + drawing.caption)
