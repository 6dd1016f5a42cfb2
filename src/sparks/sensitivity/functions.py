"""Functions whose Sobol' indices are known in closed form, on the unit cube."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ishigami:
    """sin x₁ + a sin² x₂ + b x₃⁴ sin x₁, x = π (2 u - 1) (Ishigami & Homma 1990).

    The third variable acts through its interaction with the first alone.

    Attributes:
        a: weight of the second variable.
        b: weight of the interaction of the first and the third.

    Example:
        >>> first, total = Ishigami().indices()
        >>> first
        tensor([0.3139, 0.4424, 0.0000])
        >>> total
        tensor([0.5576, 0.4424, 0.2437])
    """

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
    """∏ᵢ (|4 uᵢ - 2| + aᵢ) / (1 + aᵢ) (Sobol' 1998): the smaller aᵢ, the more important is uᵢ.

    Attributes:
        a: one number for each of the d variables, not negative.

    Example:
        The variances of the factors are 1/3 and 1/12, that of their product is 4/9.

        >>> first, total = SobolG((0.0, 1.0)).indices()
        >>> first  # 1/3 and 1/12, over 4/9
        tensor([0.7500, 0.1875])
        >>> total  # 1/3 · 13/12 and 1/12 · 4/3, over 4/9
        tensor([0.8125, 0.2500])
    """

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
    """Σᵢ wᵢ uᵢ: no interactions, so the indices of both orders are wᵢ² / Σ w².

    Attributes:
        weights: w, one number for each of the d variables.

    Example:
        >>> first, total = Additive([1.0, 2.0]).indices()
        >>> total  # 1² and 2², over 5
        tensor([0.2000, 0.8000])
    """

    weights: Sequence[float]

    def __call__(self, u: Tensor) -> Tensor:
        """Return the values (n,) at points u (n, d)."""
        return u @ torch.tensor(self.weights).to(u)

    def indices(self) -> tuple[Tensor, Tensor]:
        """Return the first-order and total indices, (d,) each."""
        share = torch.tensor(self.weights) ** 2
        share = share / share.sum()
        return share, share
