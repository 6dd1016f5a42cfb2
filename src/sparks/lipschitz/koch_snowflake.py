"""Two concentric Koch snowflakes: the toy problem of the paper's second figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sparks.errors import SparksError
from sparks.lipschitz.counterfactual import counterfactuals, one_step_error
from sparks.short_repr import short_repr


@dataclass(frozen=True, eq=False)
class Points:
    """Labelled points of a plane, for `sparks.training.fit`.

    Attributes:
        points: float32 (N, 2).
        labels: int64 (N,), 0 or 1.

    Example:
        >>> data = Points(torch.tensor([[0.0, 0.0], [3.0, 1.0]]), torch.tensor([0, 1]))
        >>> len(data), data.batch([1])
        (2, tensor([[3., 1.]]))
    """

    points: Tensor
    labels: Tensor

    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def in_memory(self) -> bool:
        """Always true."""
        return True

    def batch(self, indices: Tensor | Sequence[int] | slice) -> Tensor:
        """Return points (B, 2)."""
        return self.points[indices]

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all points in order, with their labels."""
        for start in range(0, len(self), batch_size):
            part = slice(start, start + batch_size)
            yield self.points[part], self.labels[part]

    def subset(self, indices: Tensor | Sequence[int] | slice) -> Points:
        """Return the points at `indices`."""
        return Points(self.points[indices], self.labels[indices])

    def content(self) -> Mapping[str, Tensor]:
        """Return points and labels."""
        return {"points": self.points, "labels": self.labels}


def koch(radius: float, order: int) -> NDArray[np.float64]:
    """Return the corners of a Koch snowflake around the origin, (3 · 4^order, 2), anticlockwise.

    Args:
        radius: distance of the first three corners from the origin, above 0.
        order: how often each side's middle third is replaced by two sides of a triangle, 0 or more.

    Raises:
        SparksError: when the radius or the order is out of range.

    Example:
        The triangle that the snowflake is made of, which has a corner at the top.

        >>> koch(1.0, order=0).round(2)[0].tolist()
        [0.0, 1.0]
        >>> len(koch(1.0, order=0)), len(koch(1.0, order=2))
        (3, 48)
    """
    if order < 0 or radius <= 0:
        raise SparksError(f"a snowflake needs a positive radius and order 0 or more: {radius=}")
    corners = radius * np.exp(1j * (np.pi / 2 + 2 * np.pi * np.arange(3) / 3))
    for _ in range(order):
        side = np.roll(corners, -1) - corners
        tip = corners + side / 3 + side / 3 * np.exp(-1j * np.pi / 3)
        corners = np.stack(
            [corners, corners + side / 3, tip, corners + 2 * side / 3], axis=1
        ).ravel()
    return np.stack([corners.real, corners.imag], axis=1)


def snowflakes(
    n: int, inner: float = 1.0, outer: float = 2.0, order: int = 3, seed: int = 0
) -> Points:
    """Return points on two concentric snowflakes, uniform along the curves.

    Args:
        n: number of points on each.
        inner: radius of the snowflake of label 1; see `koch`.
        outer: radius of the snowflake of label 0.
        order: of both snowflakes.
        seed: of the points.

    Raises:
        SparksError: when a radius or the order is out of range.

    Example:
        >>> data = snowflakes(5)
        >>> data.points.shape, data.labels.tolist()
        (torch.Size([10, 2]), [1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    """
    rng = np.random.default_rng(seed)
    points = [_along(koch(radius, order), rng.random(n)) for radius in (inner, outer)]
    labels = torch.arange(2).flip(0).repeat_interleave(n)
    return Points(torch.from_numpy(np.concatenate(points)).float(), labels)


def _along(corners: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points at these shares of a closed curve whose sides all have one length."""
    place = share * len(corners)
    index = place.astype(int)
    start, end = corners[index], corners[(index + 1) % len(corners)]
    found: NDArray[np.float64] = start + (place - index)[:, None] * (end - start)
    return found


class OneLogit(nn.Module):
    """Logit of class 1 less that of class 0: positive where a network of two logits says 1."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Return the difference of logits (N, 1) of inputs (N, 2)."""
        logits: Tensor = self.net(x)
        return logits[:, 1:] - logits[:, :1]


def steps_and_levels(
    function: nn.Module, data: Points, grid: int
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the end of one step x - f(x) ∇f(x) for each point, and f over the plane.

    Args:
        function: points (N, 2) to f (N, 1), positive for label 1.
        data: the points.
        grid: points a side of the plane.

    Returns:
        values of every point: "Accuracy", "GradientNorm", "BoundaryError" (see `one_step_error`);
        and what is drawn: "levels" f on the grid, "axis" its coordinates, "ends" of the steps.
    """
    zero = torch.zeros(len(data), dtype=torch.int64)
    values = one_step_error(function, data.points, zero)
    with torch.no_grad():
        values["Accuracy"] = ((function(data.points)[:, 0] > 0) == (data.labels == 1)).double()
    reach = 1.1 * float(data.points.abs().max())
    axis = torch.linspace(-reach, reach, grid)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    with torch.no_grad():
        levels = function(torch.stack([x, y], -1).view(-1, 2)).view(grid, grid)
    ends = counterfactuals(function, data.points, [1.0], data.labels, newton=False)[0][0]
    return values, {"levels": levels, "axis": axis, "ends": ends}
