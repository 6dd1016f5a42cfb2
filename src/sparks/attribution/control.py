"""Random maps, the control every method must beat."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.engine.running import Model
from sparks.engine.seeds import generators


@dataclass(frozen=True)
class Random:
    """Uniform values in [0, 1), each input its own; the model is not looked at.

    Attributes:
        seed: give each model its own where maps of several models are compared.
    """

    seed: int = 0

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Maps; see the package."""
        shape = x.shape[2:] if x.ndim == 4 else x.shape[1:]
        maps = [torch.rand(shape, generator=g) for g in generators(x, self.seed)]
        return torch.stack(maps).to(x.device)
