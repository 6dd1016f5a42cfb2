"""Occlusion: hide one feature at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt
from typing import Self

from torch import Tensor

from sparks.attribution.black_box import BlackBox
from sparks.checks import one_of
from sparks.engine.designs import LeaveOneOut
from sparks.engine.inference import Model
from sparks.engine.maskers import RESIZES, cells_of


@dataclass(frozen=True, kw_only=True)
class Occlusion(BlackBox):
    """The drop of the score when a feature is removed (Zeiler & Fergus 2014). d + 1 forwards.

    Attributes:
        resize: how values become a map, see `Grid`: a square a cell unless named otherwise.

    Example:
        >>> Occlusion()(linear, x, target)
        tensor([[1., 0., 2.]])
    """

    resize: str = "nearest"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, RESIZES, "resize")

    def within(self, forwards: int, side: int) -> Self:
        """Keep the grid, or take the finest that the budget allows; see `BlackBox`."""
        return replace(self, grid=min(self.grid, isqrt(forwards - 1), side))

    def __call__(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, that explain the classes `target` (N,)."""
        features = cells_of(x, self.grid, resize=self.resize)
        scores = self.score(model, x, target, LeaveOneOut(features.d), features)
        return features.to_map(scores[:, :1] - scores[:, 1:])
