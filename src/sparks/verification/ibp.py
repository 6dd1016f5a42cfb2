"""Interval bound propagation: every activation within a box, layer by layer (Gowal et al. 2018)."""

from __future__ import annotations

from torch import Tensor

from sparks.verification.layers import Add, Affine, Layer

# Centre (1 or M, *shape) and radius (M, *shape). One centre for all sets is computed once.
Interval = tuple[Tensor, Tensor]


def ends(interval: Interval) -> tuple[Tensor, Tensor]:
    """Return the lower and upper end, (M, *shape) each."""
    centre, radius = interval
    return centre - radius, centre + radius


def between(low: Tensor, high: Tensor) -> Interval:
    """Return the centre and radius of low … high."""
    return (low + high) / 2, (high - low) / 2


def propagate(layer: Layer, inputs: list[Interval]) -> Interval:
    """Bound the output of a layer, given bounds of its inputs."""
    if isinstance(layer, Affine):
        centre, radius = inputs[0]
        return layer(centre), layer.absolute(radius)
    if isinstance(layer, Add):
        (c1, r1), (c2, r2) = inputs
        return c1 + c2, r1 + r2
    # ReLU and MaxPool grow with their input.
    low, high = ends(inputs[0])
    return between(layer(low), layer(high))
