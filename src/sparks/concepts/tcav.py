"""TCAV on concepts of a dictionary: how the logit changes along each, whatever the image shows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sparks.attribution.gradient import gradient, in_batches
from sparks.errors import SparksError

KINDS = ("sign", "mean")


def tcav(head: nn.Module, u: Tensor, target: Tensor, kind: str = "sign") -> Tensor:
    """Sensitivity of a class to each concept, after Kim et al. 2018.

    Args:
        head: coefficients → logits.
        u: coefficients (N, k, L) of images.
        target: their class, int64 (N,).
        kind: "sign", the share of images whose logit grows along the concept, as published; or
            "mean", the mean derivative.

    Returns:
        (k,), one value a concept for all images.
    """
    if kind not in KINDS:
        raise SparksError(f"TCAV kind {kind!r} is unknown: choose one of {KINDS}")
    slopes = in_batches(head, u, target, 256, lambda part, target: gradient(head, part, target))
    along = slopes.sum(2)
    return (along > 0).float().mean(0) if kind == "sign" else along.mean(0)


def everywhere(importance: Tensor, n: int) -> Tensor:
    """The same importance (k,) for each of n images: (n, k)."""
    return importance.expand(n, -1).clone().to(torch.float32)
