"""Functions whose Sobol' indices are known in closed form, on the unit cube."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ishigami:
    """sin x1 + a sin² x2 + b x3⁴ sin x1, x = π (2 u - 1) (Ishigami & Homma 1990)."""

    a: float = 7.0
    b: float = 0.1

    def __call__(self, u: Tensor) -> Tensor:
        """Return the values (n,) at points u (n, 3)."""
        x1, x2, x3 = (math.pi * (2 * u - 1)).unbind(1)
        return x1.sin() + self.a * x2.sin() ** 2 + self.b * x3**4 * x1.sin()

    def indices(self) -> tuple[Tensor, Tensor]:
        """Return the first-order and total indices, (3,) each."""
        v1 = (1 + self.b * math.pi**4 / 5) ** 2 / 2
        v2 = self.a**2 / 8
        v13 = self.b**2 * math.pi**8 * (1 / 18 - 1 / 50)
        total = v1 + v2 + v13
        return torch.tensor([v1, v2, 0.0]) / total, torch.tensor([v1 + v13, v2, v13]) / total


@dataclass(frozen=True)
class SobolG:
    """∏ (|4 u_i - 2| + a_i) / (1 + a_i) (Sobol' 1998). A small a_i makes u_i important."""

    a: Sequence[float] = (0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0)

    def __call__(self, u: Tensor) -> Tensor:
        """Return the values (n,) at points u (n, d)."""
        a = torch.tensor(self.a).to(u)
        return (((4 * u - 2).abs() + a) / (1 + a)).prod(1)

    def indices(self) -> tuple[Tensor, Tensor]:
        """Return the first-order and total indices, (d,) each."""
        v = 1 / (3 * (1 + torch.tensor(self.a)) ** 2)
        every = (1 + v).prod()
        return v / (every - 1), v * every / (1 + v) / (every - 1)


@dataclass(frozen=True)
class Additive:
    """Σ w_i u_i: no interactions, so both indices are w_i² / Σ w²."""

    weights: Sequence[float]

    def __call__(self, u: Tensor) -> Tensor:
        """Return the values (n,) at points u (n, d)."""
        return u @ torch.tensor(self.weights).to(u)

    def indices(self) -> tuple[Tensor, Tensor]:
        """Return the first-order and total indices, (d,) each."""
        share = torch.tensor(self.weights) ** 2
        share = share / share.sum()
        return share, share
