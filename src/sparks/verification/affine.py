"""Forward bounds: every activation between two affine forms of the network's input.

Zhang et al. 2018 and Xu et al. 2020 (LiRPA, forward mode). The forms of a layer are made from
those of the layer before: with A = A⁺ - A⁻, upper forms of y = A x are A⁺ upper - A⁻ lower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sparks.verification.layers import Add, Affine, Layer
from sparks.verification.regions import Region, Shape, minimum
from sparks.verification.relaxation import Bounds, Relaxation


class Forms(NamedTuple):
    """Lower and upper forms: weight (b, d, *shape) of the d input elements, bias (b, *shape).

    b is 1 where the forms hold for all sets of a region. Where both are the same tensors, the
    activation is an affine function of the input, and half of the work is saved.
    """

    low: Bounds
    high: Bounds


def start(shape: Shape, like: Tensor) -> Forms:
    """Forms of the input itself."""
    d = like[0].numel()
    eye = torch.eye(d, dtype=like.dtype, device=like.device)
    form = eye.view(1, d, *shape), like.new_zeros(1, *shape)
    return Forms(form, form)


def propagate(layer: Layer, inputs: list[Forms], relaxation: Relaxation | None) -> Forms:
    """Forms of the output of a layer, given those of its inputs and, unless affine, its lines."""
    if isinstance(layer, Affine):
        return _affine(layer, inputs[0])
    if isinstance(layer, Add):
        one, two = inputs
        low = one.low[0] + two.low[0], one.low[1] + two.low[1]
        if one.low is one.high and two.low is two.high:
            return Forms(low, low)
        return Forms(low, (one.high[0] + two.high[0], one.high[1] + two.high[1]))
    assert relaxation is not None
    return Forms(*relaxation.ahead(*inputs[0]))


def concretise(forms: Forms, region: Region) -> Bounds:
    """Bounds (M, *shape) of forms over each set of a region."""
    shape = forms.low[1].shape[1:]
    (lw, lb), (uw, ub) = (
        (weight.flatten(2).transpose(1, 2), bias.flatten(1)) for weight, bias in forms
    )
    return (
        torch.unflatten(minimum(region, lw, lb), 1, shape),
        torch.unflatten(region.maximum(uw, ub), 1, shape),
    )


def _affine(layer: Affine, forms: Forms) -> Forms:
    """Forms of A x + b: with mean m and half difference r of the two, A m ± |A| r."""
    (lw, lb), (uw, ub) = forms
    if forms.low is forms.high:
        form = _columns(layer.linear, lw), layer(lb)
        return Forms(form, form)
    weight, spread = _columns(layer.linear, (uw + lw) / 2), _columns(layer.absolute, (uw - lw) / 2)
    bias, gap = layer((ub + lb) / 2), layer.absolute((ub - lb) / 2)
    return Forms((weight - spread, bias - gap), (weight + spread, bias + gap))


def _columns(function: Callable[[Tensor], Tensor], weight: Tensor) -> Tensor:
    """Apply a layer to every column of forms (b, d, *shape)."""
    return torch.unflatten(function(weight.flatten(0, 1)), 0, weight.shape[:2])
