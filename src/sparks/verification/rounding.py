"""Bounds on the floating-point rounding error of every layer.

A sum of n products, in any order, is off by at most n u times the sum of their absolute values
(Higham 2002, chapter 3, first order in u, the unit roundoff); an error that comes in grows by |A|.
Bounds are widened by `ALLOWANCE` times the resulting error: once for the evaluation of the network
at a point, the rest for the arithmetic of the bounds themselves, whose terms are as large.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparks.verification import ibp
from sparks.verification.graph import Step
from sparks.verification.layers import Add, Affine, MaxPool

ALLOWANCE = 4.0


def allowances(steps: Sequence[Step], hull: ibp.Interval) -> dict[int, Tensor]:
    """Return the widening of the bounds of each step that lines are made from, and of the last.

    Args:
        steps: of the network.
        hull: box of inputs.

    Returns:
        Place of the step → (M, *shape).
    """
    last = {source: at for at, step in enumerate(steps) for source in step.inputs}
    wanted = {step.inputs[0] for step in steps[1:] if not isinstance(step.layer, Affine | Add)} | {
        len(steps) - 1
    }
    unit = torch.finfo(hull[1].dtype).eps / 2
    intervals = {0: hull}
    errors = {0: unit * _size(hull)}
    found = {0: ALLOWANCE * errors[0]} if 0 in wanted else {}
    for at, step in enumerate(steps[1:], 1):
        layer, inputs = step.layer, [intervals[i] for i in step.inputs]
        assert layer is not None
        after = ibp.propagate(layer, inputs)
        error = errors[step.inputs[0]]
        if isinstance(layer, Affine):
            size = layer.absolute(_size(inputs[0]))
            if layer.shift is not None:
                size = size + layer.shift.abs()
            error = layer.absolute(error) + layer.terms * unit * size
        elif isinstance(layer, Add):
            error = error + errors[step.inputs[1]] + unit * _size(after)
        elif isinstance(layer, MaxPool):
            error = layer(error)
        # ReLU and Clip move no further than their input.
        intervals[at], errors[at] = after, error
        if at in wanted:
            found[at] = ALLOWANCE * error
        for source in step.inputs:
            if last[source] == at:
                intervals.pop(source, None)
                errors.pop(source, None)
    return found


def _size(interval: ibp.Interval) -> Tensor:
    """Return the largest absolute values."""
    return interval[0].abs() + interval[1]
