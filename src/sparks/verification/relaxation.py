"""Lines below and above a layer that is not affine, given the bounds of its input.

    slope_below x + offset_below ≤ layer(x) ≤ slope_above x + offset_above

ReLU: above, the chord from (l, 0) to (u, u); below, x or 0, whichever leaves the smaller area
(Zhang et al. 2018, CROWN). Clip (ReLU6): see `clip_lines`. MaxPool: above, the largest upper bound
of the window; below, the element with the largest lower bound. Where this choice flips, a smaller
box can get a looser line: that is why bounds of a box are intersected with those of the box around
it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.verification.layers import Activation, Clip, MaxPool, ReLU

Bounds = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Lines:
    """Lines of ReLU and Clip: elementwise, (1 or M, *shape) each, slopes not negative.

    Attributes:
        below: slope of the line below.
        above: slope of the line above.
        offset: of the line above.
        base: offset of the line below; None for 0, as for ReLU.
    """

    below: Tensor
    above: Tensor
    offset: Tensor
    base: Tensor | None = None

    def back(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Replace y by its upper lines in forms Σ rows · y: forms of x, and what is added.

        Args:
            rows: (1 or M, s, *shape).

        Returns:
            Rows over x (1 or M, s, *shape), and an offset (1 or M, s).
        """
        positive = rows.clamp(min=0)
        negative = rows - positive
        above, below = self.above[:, None], self.below[:, None]
        offset = (positive * self.offset[:, None]).flatten(2).sum(2)
        if self.base is not None:
            offset = offset + (negative * self.base[:, None]).flatten(2).sum(2)
        return torch.addcmul(positive * above, negative, below), offset

    def ahead(self, low: Bounds, high: Bounds) -> tuple[Bounds, Bounds]:
        """Return lower and upper forms of y: weight (b, d, *shape), bias (b, *shape)."""
        base = 0 if self.base is None else self.base
        below = low[0] * self.below[:, None], low[1] * self.below + base
        above = high[0] * self.above[:, None], high[1] * self.above + self.offset
        return below, above


@dataclass(frozen=True)
class Windows:
    """Lines of MaxPool: the element of a window that is the line below, and the constant above.

    Attributes:
        place: of the element in its flattened channel, int64 (1 or M, C, h, w).
        above: (1 or M, C, h, w).
        shape: of the input, (C, H, W).
    """

    place: Tensor
    above: Tensor
    shape: tuple[int, ...]

    def back(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Replace y by its upper lines in forms Σ rows · y; see `Lines.back`."""
        positive = rows.clamp(min=0)
        offset = (positive * self.above[:, None]).flatten(2).sum(2)
        sets = max(len(rows), len(self.place))
        negative = (rows - positive).flatten(3).expand(sets, -1, -1, -1)
        place = self.place[:, None].flatten(3).expand(sets, rows.shape[1], -1, -1)
        channels, *size = self.shape
        into = negative.new_zeros(*negative.shape[:2], channels, size[0] * size[1])
        return torch.unflatten(into.scatter_add(3, place, negative), 3, size), offset

    def ahead(self, low: Bounds, high: Bounds) -> tuple[Bounds, Bounds]:
        """Return lower and upper forms of y; see `Lines.ahead`."""
        weight, bias = low
        sets = max(len(weight), len(self.place))
        place = self.place.flatten(2).expand(sets, -1, -1)
        size = self.place.shape[2:]
        spread = place[:, None].expand(-1, weight.shape[1], -1, -1)
        weight = weight.flatten(3).expand(sets, -1, -1, -1).gather(3, spread)
        bias = bias.flatten(2).expand(sets, -1, -1).gather(2, place)
        weight, bias = torch.unflatten(weight, 3, size), torch.unflatten(bias, 2, size)
        return (weight, bias), (torch.zeros_like(weight), self.above.expand(sets, -1, -1, -1))


Relaxation = Lines | Windows


def relax(layer: Activation, low: Tensor, high: Tensor) -> Relaxation:
    """Return lines of a layer that is not affine on low ≤ x ≤ high."""
    if isinstance(layer, ReLU):
        return relu_lines(low, high)
    if isinstance(layer, Clip):
        return clip_lines(layer, low, high)
    return pool_windows(layer, low, high)


def relu_lines(low: Tensor, high: Tensor) -> Lines:
    """Return lines of ReLU on low ≤ x ≤ high."""
    up, down = high.clamp(min=0), low.clamp(max=0)
    tiny = torch.finfo(up.dtype).tiny
    above = up / (up - down).clamp(min=tiny)
    below = (up > -down).to(up)
    return Lines(below, above, -above * down)


def clip_lines(clip: Clip, low: Tensor, high: Tensor) -> Lines:
    """Return lines of min(max(x, a), b) on low ≤ x ≤ high.

    It is convex up to b and concave from a on. Above, the chord where high ≤ b; else the line from
    (low, f(low)) to (b, b) or the constant b, whichever leaves the smaller area. Below the same,
    seen from the other end.
    """
    a, b = clip.least, clip.most
    at_low, at_high = clip(low), clip(high)
    chord = _slope(at_high - at_low, high - low)
    chords, rises = high <= b, high - b < b - low
    above = torch.where(chords, chord, _slope(b - at_low, b - low) * rises)
    offset = torch.where(chords | rises, at_low - above * low, b)
    chords, rises = low >= a, high - a > a - low
    below = torch.where(chords, chord, _slope(at_high - a, high - a) * rises)
    base = torch.where(chords, at_low - below * low, a - below * a)
    return Lines(below, above, offset, base)


def _slope(rise: Tensor, run: Tensor) -> Tensor:
    """Divide; 0 where run is not positive, with a derivative of 0 there."""
    some = run > 0
    return torch.where(some, rise / torch.where(some, run, 1), 0)


def pool_windows(pool: MaxPool, low: Tensor, high: Tensor) -> Windows:
    """Return lines of MaxPool on low ≤ x ≤ high."""
    return Windows(pool.largest(low), pool(high), tuple(low.shape[1:]))
