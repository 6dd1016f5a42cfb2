"""CRAFT's explanation of an image as one map, for those who take an explanation as attention."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from sparks.concepts.craft import Craft
from sparks.concepts.layer import Layer


@dataclass(frozen=True, kw_only=True)
class CraftMaps:
    """Show where an image's important concepts are.

    CRAFT (Fel et al. 2023) shows a map of every concept beside crops that tell what it is. One map
    keeps where, and how much it counts: Σₖ sₖ uₖ(x) / max uₖ, with sₖ the total Sobol index of
    concept k for the class, mean over its images. The concepts of a class are extracted from the
    images that are explained as this class.

    Attributes:
        layer: with feature maps, or tokens that form a grid; not below zero where the dictionary
            is NMF.
        craft: how concepts are extracted and ranked.

    Example:
        >>> from sparks.attribution import Sobol
        >>> from sparks.concepts import Craft, NMF
        >>> craft = Craft(dictionary=NMF(concepts=3), importance=Sobol(points=8))
        >>> classes = torch.zeros(6, dtype=torch.int64)
        >>> CraftMaps(layer="1", craft=craft)(model, images, classes).shape
        torch.Size([6, 16, 16])
    """

    layer: str
    craft: Craft = field(default_factory=Craft)

    def __call__(self, model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        """Explain images (N, C, H, W) as classes `target` (N,): maps (N, H, W), none below 0.

        Raises:
            SparksError: when the places of the layer form no grid.
        """
        layer = Layer(model, self.layer, x[:1])
        maps = torch.zeros(len(x), *x.shape[2:])
        for number in sorted(set(target.tolist())):
            chosen = (target == number).nonzero()[:, 0]
            summed = self._of_class(layer, x[chosen], number)
            sized = functional.interpolate(summed[:, None], x.shape[2:], mode="bilinear")
            maps[chosen] = sized[:, 0]
        return maps

    def _of_class(self, layer: Layer, images: Tensor, number: int) -> Tensor:
        """Return maps (n, h, w) of images that are all explained as one class."""
        concepts = self.craft.fit(layer, images)
        importance = self.craft.rank(concepts, images, number).mean(0).clamp(min=0)
        u = concepts.maps(images).clamp(min=0)
        most = u.amax((0, 2, 3), keepdim=True).clamp(min=1e-12)  # atoms have no scale of their own
        return torch.einsum("k,nkhw->nhw", importance.to(u), u / most).cpu()
