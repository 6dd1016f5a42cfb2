"""Spatial maps of concepts, and of classes, in an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from sparks.attribution.cam import GradCAM
from sparks.concepts.bank import Concepts
from sparks.concepts.layer import Layer


class _FromLayer(torch.nn.Module):
    """The part of a model after a layer, as a model of feature maps: CAM methods need no more."""

    input_range = None  # feature maps have any values

    def __init__(self, layer: Layer, after: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.after, self.layout = after, layer.layout
        self.activation = torch.nn.Identity()

    def forward(self, raw: Tensor) -> Tensor:
        return self.after(self.activation(raw))


def concept_maps(concepts: Concepts, x: Tensor, which: Tensor) -> Tensor:
    """Return GradCAM of coefficients through NNLS, (N, c, H, W); their mean without a grid."""
    layer = concepts.layer
    if layer.map_size is None:
        u = concepts.coefficients(x)[:, which].mean(2)
        return u[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return concept_maps_at(concepts, layer.activations(x), which, x.shape[2:])


def concept_maps_at(
    concepts: Concepts,
    activations: Tensor,
    which: Tensor,
    size: Sequence[int],
    mode: str = "bilinear",
) -> Tensor:
    """`concept_maps` (N, c, H, W) of images of a size, from their activations (N, L, p)."""
    layer, encode = concepts.layer, concepts.dictionary.encode
    scores = _FromLayer(layer, lambda raw: encode(layer.flat(raw).mean(1)))
    classes = [torch.full((len(activations),), int(c), dtype=torch.int64) for c in which]
    raw = layer.raw(activations)
    maps = torch.stack([GradCAM("activation")(scores, raw, c) for c in classes], 1)
    return functional.interpolate(maps, tuple(size), mode=mode)


def class_maps(
    layer: Layer, activations: Tensor, target: Tensor, size: Sequence[int], mode: str = "bilinear"
) -> Tensor:
    """Return GradCAM of classes at a layer with feature maps, (N, H, W).

    Args:
        layer: where the model is cut.
        activations: of images, (N, L, p).
        target: class of each map, int64 (N,).
        size: H and W of the images.
        mode: how maps are enlarged: "bilinear" as GradCAM has it, "bicubic" for smooth ones.
    """
    maps = GradCAM("activation")(_FromLayer(layer, layer.h), layer.raw(activations), target)
    return functional.interpolate(maps[:, None], tuple(size), mode=mode)[:, 0]
