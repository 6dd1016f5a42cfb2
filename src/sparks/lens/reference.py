"""How far an image is, in feature space, from those that a model was surveyed on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Distance:
    value: float


@dataclass(frozen=True, eq=False)
class Reference:
    features: Tensor

    @staticmethod
    def of(features, held_out): ...
