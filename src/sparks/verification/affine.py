"""Forward bounds: every activation between two affine forms of the network's input.

Zhang et al. 2018 and Xu et al. 2020 (LiRPA, forward mode). The forms of a layer are made from
those of the layer before: with A = A⁺ - A⁻, upper forms of y = A x are A⁺ upper - A⁻ lower. Up to
the first activation function, a layer is an affine function of the input, and its one form is
made when it is first needed: d x d numbers, the form of the input itself, are never held at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from sparks.verification.graph import Step
from sparks.verification.layers import Add, Affine, Layer
from sparks.verification.regions import Region, minimum
from sparks.verification.relaxation import Bounds, Relaxation

# Numbers in the columns that are passed through affine layers at a time: bounds memory only.
MEMORY = 2**22


class Forms(NamedTuple):
    """Lower and upper forms: weight (b, d, *shape) of the d input elements, bias (b, *shape).

    b is 1 where the forms hold for all sets of a region. Where both are the same tensors, the
    activation is an affine function of the input, and half of the work is saved.
    """

    low: Bounds
    high: Bounds


def affine_steps(steps: Sequence[Step]) -> list[bool]:
    """Return whether each step is an affine function of the network's input."""
    found = [True]
    for step in steps[1:]:
        alone = isinstance(step.layer, Affine | Add)
        found.append(alone and all(found[i] for i in step.inputs))
    return found


def exact(steps: Sequence[Step], place: int, like: Tensor) -> Forms:
    """Return the form of a step that is an affine function of the network's input.

    Its columns are the outputs for the unit vectors, less that for 0, which is the bias.

    Args:
        steps: of the network.
        place: which step.
        like: a tensor with the type and device of the form.
    """
    needed = {place}
    for at in range(place, 0, -1):
        if at in needed:
            needed.update(steps[at].inputs)
    shape = steps[0].shape
    d, widest = prod(shape), max(prod(steps[at].shape) for at in needed)
    at_once = max(1, MEMORY // widest)
    parts = []
    for first in range(0, d, at_once):
        count = min(at_once, d - first)
        columns = like.new_zeros(count, d)
        columns[torch.arange(count), torch.arange(first, first + count)] = 1
        parts.append(_through(steps, sorted(needed), columns.view(count, *shape), shifted=False))
    bias = _through(steps, sorted(needed), like.new_zeros(1, *shape), shifted=True)
    form = torch.cat(parts)[None], bias
    return Forms(form, form)


def _through(steps: Sequence[Step], places: Sequence[int], x: Tensor, shifted: bool) -> Tensor:
    """Pass inputs (b, *shape) through some affine steps, with their biases if shifted."""
    values = {0: x}
    last = {source: at for at in places for source in steps[at].inputs}
    for at in places:
        layer, inputs = steps[at].layer, [values[i] for i in steps[at].inputs]
        if isinstance(layer, Affine):
            values[at] = layer(inputs[0]) if shifted else layer.linear(inputs[0])
        elif isinstance(layer, Add):
            values[at] = layer(*inputs)
        for source in steps[at].inputs:
            if last[source] == at:
                values.pop(source, None)
    return values[places[-1]]


def propagate(layer: Layer, inputs: list[Forms], relaxation: Relaxation | None) -> Forms:
    """Return forms of a layer's output from those of its inputs and, unless affine, its lines."""
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
    """Return the bounds (M, *shape) of forms over each set of a region."""
    shape = forms.low[1].shape[1:]
    (lw, lb), (uw, ub) = (
        (weight.flatten(2).transpose(1, 2), bias.flatten(1)) for weight, bias in forms
    )
    return (
        torch.unflatten(minimum(region, lw, lb), 1, shape),
        torch.unflatten(region.maximum(uw, ub), 1, shape),
    )


def _affine(layer: Affine, forms: Forms) -> Forms:
    """Return the forms of A x + b: with mean m and half difference r of the two, A m ± |A| r."""
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
