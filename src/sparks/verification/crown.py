"""Backward bounds (CROWN): a form of some layer's output, pulled back to the input line by line.

Zhang et al. 2018. A row over the last layer is replaced by a row over the layer before that is no
smaller anywhere in the set: exactly through affine layers, by the lines of a relaxation elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor

from sparks.verification.graph import Step
from sparks.verification.layers import Add, Affine
from sparks.verification.regions import Region
from sparks.verification.relaxation import Bounds, Relaxation

# Numbers in the rows that are pulled back at a time: bounds memory only.
MEMORY = 2**24


def bound(
    steps: Sequence[Step],
    place: int,
    relaxations: Mapping[int, Relaxation],
    region: Region,
    sides: str = "both",
) -> Bounds:
    """Return the bounds (M, *shape) of the output of one step over each set of a region.

    Args:
        steps: of the network.
        place: which step.
        relaxations: of every step before that is not affine, for all sets (1, ...) or each (M, …).
        region: of the input.
        sides: "both", or "upper", when the lower bounds are -∞.
    """
    step = steps[place]
    units = prod(step.shape)
    sets = max([1, *(_sets(line) for line in relaxations.values())])
    widest = max(prod(s.shape) for s in steps[: place + 1])
    at_once = max(1, MEMORY // (sets * widest))
    lows, highs = [], []
    like = region.hull()[1]
    for first in range(0, units, at_once):
        count = min(at_once, units - first)
        rows = torch.zeros(count, units, dtype=like.dtype, device=like.device)
        rows[torch.arange(count), torch.arange(first, first + count)] = 1
        rows = rows.view(1, count, *step.shape)
        highs.append(region.maximum(*pull(steps, place, rows, relaxations)))
        if sides == "both":
            lows.append(-region.maximum(*pull(steps, place, -rows, relaxations)))
    high = torch.unflatten(torch.cat(highs, 1), 1, step.shape)
    if not lows:
        return torch.full_like(high, -torch.inf), high
    return torch.unflatten(torch.cat(lows, 1), 1, step.shape), high


def pull(
    steps: Sequence[Step], place: int, rows: Tensor, relaxations: Mapping[int, Relaxation]
) -> Bounds:
    """Return forms of the input that are nowhere smaller than Σ rows · y, y the output of one step.

    Args:
        steps: see `bound`.
        place: which step y is the output of.
        rows: (1 or M, s, *shape).
        relaxations: see `bound`.

    Returns:
        weight (1 or M, s, d) and bias (1 or M, s).
    """
    waiting = {place: rows}
    bias = rows.new_zeros(1, rows.shape[1])
    for at in range(place, 0, -1):
        if at not in waiting:
            continue
        step, above = steps[at], waiting.pop(at)
        if isinstance(step.layer, Affine):
            added, below = _affine(step.layer, above, steps[step.inputs[0]].shape)
        elif isinstance(step.layer, Add):
            added, below = None, above
        else:
            below, added = relaxations[at].back(above)
        bias = bias if added is None else bias + added
        for source in step.inputs:
            waiting[source] = waiting[source] + below if source in waiting else below
    if 0 not in waiting:  # a constant network
        return rows.new_zeros(1, rows.shape[1], prod(steps[0].shape)), bias
    return waiting[0].flatten(2), bias


def _affine(layer: Affine, rows: Tensor, shape: tuple[int, ...]) -> tuple[Tensor | None, Tensor]:
    """Return the contribution of an affine layer's bias, and the rows with respect to its input."""
    added = None
    if layer.shift is not None:
        added = (rows * layer.shift).flatten(2).sum(2)
    below = torch.unflatten(layer.transpose(rows.flatten(0, 1), shape), 0, rows.shape[:2])
    return added, below


def _sets(relaxation: Relaxation) -> int:
    return len(relaxation.above)
