"""fig-eva-gallery: EVA's maps beside those of the methods it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sparks_thesis.common.explained import Explained
from sparks_thesis.common.gallery import Gallery
from sparks_thesis.common.kept import Kept
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

    def __call__(self, images: Mapping[str, ImageSet], eva_maps: Sequence[Kept]) -> Drawing:
        """Draw the figure."""
        from torch import from_numpy

        maps, few = [], {}
        for kept in eva_maps:
            target = from_numpy(kept.arrays["target"])
            whole = images[kept.dataset]
            few[kept.dataset] = whole.subset(range(len(target)))
            maps += [
                Explained(kept.dataset, kept.model, m, from_numpy(kept.arrays[f"maps/{m}"]), target)
                for m in self.methods
                if f"maps/{m}" in kept.arrays
            ]
        drawing = self.gallery(few, maps)
        details = (
            "EVA (first, by verified bounds; on convnet the hybrid, which samples a box at a "
            "layer and verifies from there on) and the methods of the paper's figure. Maps of "
            "EVA, Greedy-AS and Greedy-AO have no sign. "
        )
        return replace(drawing, caption=details + drawing.caption)
