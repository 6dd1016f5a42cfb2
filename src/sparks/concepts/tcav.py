"""TCAV on concepts of a dictionary: how the logit changes along each, whatever the image shows."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from sparks.attribution.gradient import gradient, in_batches
from sparks.concepts.layer import Layer
from sparks.errors import SparksError

KINDS = ("sign", "mean")


class _Rest(nn.Module):
    """Activations (N, L, p) → logits."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self.h = layer.h

    def forward(self, activations: Tensor) -> Tensor:
        logits: Tensor = self.h(self.layer.raw(activations))
        return logits


def tcav(
    layer: Layer, atoms: Tensor, activations: Tensor, target: Tensor, kind: str = "sign"
) -> Tensor:
    """Return the sensitivity of a class to each concept, after Kim et al. 2018.

    The derivative is that at the activation itself, as published, not at its reconstruction u V.

    Args:
        layer: where the concepts are.
        atoms: their directions (k, p).
        activations: (N, L, p) of images.
        target: their class, int64 (N,).
        kind: "sign", the share of images whose logit grows along the concept, as published; or
            "mean", the mean derivative. The concept is added at every place.

    Returns:
        (k,), one value a concept for all images.
    """
    if kind not in KINDS:
        raise SparksError(f"TCAV kind {kind!r} is unknown: choose one of {KINDS}")
    rest = _Rest(layer)
    slopes = in_batches(rest, activations, target, 256, partial(gradient, rest))
    along = slopes.sum(1) @ atoms.to(slopes).T
    return (along > 0).float().mean(0) if kind == "sign" else along.mean(0)


def everywhere(importance: Tensor, n: int) -> Tensor:
    """Repeat an importance (k,) for each of n images: (n, k)."""
    return importance.expand(n, -1).clone().to(torch.float32)
