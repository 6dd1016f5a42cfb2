"""Dictionaries that sparse autoencoders end as: how each codes activations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from sparks.concepts.dictionary import Dictionary


@dataclass(frozen=True, eq=False, repr=False)
class Sparse(Dictionary):
    """Codes ψ((a - offset) filters + bias).

    Attributes:
        filters: (p, k).
        bias: (k,).
        active: concepts kept of each code (the largest), or None.
        threshold: codes below it are zero.
    """

    filters: Tensor
    bias: Tensor
    active: int | None = None
    threshold: float = 0.0

    def reordered(self, order: Tensor) -> Dictionary:
        """Return the dictionary with its concepts in another order, int64 (k,)."""
        filters, bias = self.filters[:, order], self.bias[order]
        return replace(self, atoms=self.atoms[order], filters=filters, bias=bias)

    def _codes(self, a: Tensor) -> Tensor:
        u = functional.relu((a - self.offset.to(a)) @ self.filters.to(a) + self.bias.to(a))
        if self.active is not None:
            u = top(u, self.active)
        return u * (u > self.threshold)


@dataclass(frozen=True, eq=False, repr=False)
class Gated(Dictionary):
    """Codes relu(gain y + bias) where y + gate > 0, else 0; y = (a - offset) filters.

    Attributes:
        filters: (p, k).
        bias: (k,).
        gate: (k,).
        gain: (k,).
    """

    filters: Tensor
    bias: Tensor
    gate: Tensor
    gain: Tensor

    def reordered(self, order: Tensor) -> Dictionary:
        """Return the dictionary with its concepts in another order, int64 (k,)."""
        vectors = {name: getattr(self, name)[order] for name in ("bias", "gate", "gain")}
        return replace(self, atoms=self.atoms[order], filters=self.filters[:, order], **vectors)

    def _codes(self, a: Tensor) -> Tensor:
        y = (a - self.offset.to(a)) @ self.filters.to(a)
        return functional.relu(y * self.gain.to(a) + self.bias.to(a)) * (y + self.gate.to(a) > 0)


@dataclass(frozen=True, eq=False, repr=False)
class Pursued(Dictionary):
    """Codes by matching pursuit of a - offset, of `active` steps; atoms have length one."""

    active: int

    def _codes(self, a: Tensor) -> Tensor:
        return matching(a - self.offset.to(a), self.atoms.to(a), self.active)


def top(codes: Tensor, count: int) -> Tensor:
    """Keep the `count` largest entries of each row, and set the others to zero."""
    if count >= codes.shape[1]:
        return codes
    values, places = codes.topk(count, dim=1)
    return torch.zeros_like(codes).scatter(1, places, values)


def matching(a: Tensor, atoms: Tensor, steps: int) -> Tensor:
    """Return non-negative codes (n, k) by matching pursuit (Mallat & Zhang 1993).

    Each step takes the atom with the largest product with what is left, if it is positive, and
    subtracts it; an atom can be taken again. See `pursuit` for the orthogonal one.

    Args:
        a: activations (n, p).
        atoms: (k, p), of length one.
        steps: 1 or more.

    Example:
        >>> matching(torch.tensor([[3.0, 1.0, -2.0]]), torch.eye(3), 2)
        tensor([[3., 1., 0.]])
    """
    left, codes = a, torch.zeros(len(a), len(atoms)).to(a)
    for _ in range(steps):
        value, place = (left @ atoms.T).max(1)
        value = functional.relu(value)
        codes = codes.scatter_add(1, place[:, None], value[:, None].to(codes))
        left = left - value[:, None] * atoms[place]
    return codes
