"""Occlusion: hide one feature at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt
from typing import Self

from torch import Tensor

from sparks.attribution.black_box import FeatureWise
from sparks.engine.designs import LeaveOneOut
from sparks.engine.inference import Model
from sparks.engine.maskers import Features


@dataclass(frozen=True, kw_only=True)
class Occlusion(FeatureWise):
    """The drop of the score when a feature is removed (Zeiler & Fergus 2014). d + 1 forwards.

    The importance of a pixel under overlapping windows (`features=Windows(...)`) is the mean drop
    of those that cover it, as in Captum.

    Example:
        >>> Occlusion()(linear, x, target)
        tensor([[1., 0., 2.]])
    """

    def within(self, forwards: int, side: int) -> Self:
        """Keep the grid, or take the finest that the budget allows; see `BlackBox`."""
        return replace(self, grid=min(self.grid, isqrt(forwards - 1), side))

    def _explain(
        self, model: Model, x: Tensor, target: Tensor | None, features: Features
    ) -> Tensor:
        scores = self.score(model, x, target, LeaveOneOut(features.d), features)
        return features.to_map(scores[:, :1] - scores[:, 1:])
