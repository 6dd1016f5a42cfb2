"""Sets of inputs to verify: boxes and Euclidean balls, many at once.

A region is a family of M sets. Linear functions of the input have an exact maximum over each, and
that is all that bounds by linear forms need. Forms may belong to each set (M, s, d), or be one for
all (1, s, d), where d counts the input's elements: the second is one matrix product for all sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Protocol, Self

import torch
from torch import Tensor

from sparks.errors import SparksError

Shape = tuple[int, ...]


class Region(Protocol):
    """A family of M sets of inputs."""

    @property
    def shape(self) -> Shape:
        """Shape of one input."""

    def __len__(self) -> int:
        """Return M, the number of sets."""

    def __getitem__(self, which: slice | list[int]) -> Self:
        """Return the sets selected by `which`."""

    def hull(self) -> tuple[Tensor, Tensor]:
        """Return centre (1 or M, *shape) and radius (M, *shape) of the box around each set."""

    def draw(self, n: int, seed: int = 0) -> Tensor:
        """Return points (n, *shape) of the sets in turn; every other one is on a border."""

    def maximum(self, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the maxima (M, s) of forms ⟨weight, x⟩ + bias, (1 or M, s, d) and (1 or M, s)."""


@dataclass(frozen=True)
class Boxes:
    """Boxes, centre ± radius, elementwise.

    Attributes:
        centre: (M, *shape), or (1, *shape) where all boxes have the same.
        radius: half of each side, (M, *shape), not negative.

    Example:
        On the unit square, x₁ - x₂ is at most 1, at the corner (1, 0).

        >>> boxes = Boxes.between(lower, upper)
        >>> boxes.centre, boxes.radius
        (tensor([[0.5000, 0.5000]], dtype=torch.float64),
         tensor([[0.5000, 0.5000]], dtype=torch.float64))
        >>> form = torch.tensor([[[1.0, -1.0]]]).double()
        >>> boxes.maximum(form, bias=torch.zeros(1, 1).double())
        tensor([[1.]], dtype=torch.float64)
    """

    centre: Tensor
    radius: Tensor

    @classmethod
    def between(cls, lower: Tensor, upper: Tensor) -> Boxes:
        """Return the boxes lower ≤ x ≤ upper, (M, *shape) each.

        Raises:
            SparksError: when there are none, a lower end is above its upper end, or one is not
                finite.
        """
        if (
            lower.shape != upper.shape
            or not lower.numel()
            or not bool((lower <= upper).all() & lower.isfinite().all() & upper.isfinite().all())
        ):
            raise SparksError(
                f"boxes from lower {tuple(lower.shape)} to upper {tuple(upper.shape)}: both need "
                "one shape (M, ...) that is not empty, finite values, and lower ≤ upper"
            )
        return cls((lower + upper) / 2, (upper - lower) / 2)

    @property
    def shape(self) -> Shape:
        """Shape of one input."""
        return tuple(self.radius.shape[1:])

    def __len__(self) -> int:
        """Return M, the number of sets."""
        return len(self.radius)

    def __getitem__(self, which: slice | list[int]) -> Boxes:
        """Return the boxes selected by `which`."""
        centre = self.centre if len(self.centre) == 1 else self.centre[which]
        return replace(self, centre=centre, radius=self.radius[which])

    def hull(self) -> tuple[Tensor, Tensor]:
        """Return the centre (1 or M, *shape) and the radius (M, *shape)."""
        return self.centre, self.radius

    def draw(self, n: int, seed: int = 0) -> Tensor:
        """Return points (n, *shape) of the boxes in turn, uniform ones and corners alternately."""
        which = torch.arange(n) % len(self)
        move = 2 * _uniform(n, self.radius, seed) - 1
        move[1::2] = move[1::2].sign()
        centre = self.centre if len(self.centre) == 1 else self.centre[which]
        return centre + move * self.radius[which]

    def maximum(self, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the maxima (M, s) of linear forms ⟨weight, x⟩ + bias over each box.

        They are ⟨w, centre⟩ + ⟨|w|, radius⟩ + bias.

        Args:
            weight: w of each of s forms, (1 or M, s, d), for d elements of an input.
            bias: (1 or M, s).
        """
        return bias + _products(weight, self.centre) + _products(weight.abs(), self.radius)


@dataclass(frozen=True)
class Balls:
    """Euclidean balls around one input, in some of which some elements do not move.

    Attributes:
        centre: (1, *shape).
        epsilon: radius of all balls.
        free: 1 where an element moves, 0 where it does not, (M, *shape).

    Example:
        In the unit disc 3 x₁ + 4 x₂ is at most 5, the length of (3, 4); where x₂ is frozen, 3.

        >>> free = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
        >>> discs = Balls(torch.zeros(1, 2), epsilon=1.0, free=free)
        >>> discs.maximum(torch.tensor([[[3.0, 4.0]]]), bias=torch.zeros(1, 1))
        tensor([[5.],
                [3.]])
    """

    centre: Tensor
    epsilon: float
    free: Tensor

    @property
    def shape(self) -> Shape:
        """Shape of one input."""
        return tuple(self.free.shape[1:])

    def __len__(self) -> int:
        """Return M, the number of sets."""
        return len(self.free)

    def __getitem__(self, which: slice | list[int]) -> Balls:
        """Return the balls selected by `which`."""
        return replace(self, free=self.free[which])

    def hull(self) -> tuple[Tensor, Tensor]:
        """Return the centre and radius of the box around each ball."""
        return self.centre, self.epsilon * self.free

    def draw(self, n: int, seed: int = 0) -> Tensor:
        """Return points (n, *shape) of the balls in turn, inside and on the surface alternately."""
        away = (2 * _uniform(n, self.free, seed) - 1) * self.free[torch.arange(n) % len(self)]
        lengths = away.flatten(1).norm(dim=1).clamp(min=torch.finfo(away.dtype).tiny)
        size = self.epsilon / lengths
        size[::2] /= 2
        points: Tensor = self.centre + away * size.view(-1, *[1] * len(self.shape))
        return points

    def maximum(self, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the maxima (M, s) of linear forms ⟨weight, x⟩ + bias over each ball.

        They are ⟨w, centre⟩ + epsilon ‖w of free elements‖ + bias.

        Args:
            weight: w of each of s forms, (1 or M, s, d), for d elements of an input.
            bias: (1 or M, s).
        """
        squares = _products(weight**2, self.free)
        # The derivative of a root at 0 is infinite.
        norms = torch.where(squares > 0, squares, 1).sqrt() * (squares > 0)
        return bias + _products(weight, self.centre) + self.epsilon * norms


def minimum(region: Region, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the smallest values (M, s) of forms over each set of a region."""
    return -region.maximum(-weight, -bias)


def _uniform(n: int, like: Tensor, seed: int) -> Tensor:
    """Return numbers (n, *shape) in [0, 1), drawn on the CPU and brought to where the sets are."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, *like.shape[1:], generator=generator, dtype=torch.float64).to(like)


def _products(weight: Tensor, point: Tensor) -> Tensor:
    """⟨weight, point⟩ of forms (1 or M, s, d) at points (1 or M, *shape): (1 or M, s)."""
    flat = point.reshape(len(point), prod(point.shape[1:]))
    if len(weight) == 1:
        return flat @ weight[0].T
    if len(flat) == 1:
        return weight @ flat[0]
    return torch.bmm(weight, flat[:, :, None])[:, :, 0]
