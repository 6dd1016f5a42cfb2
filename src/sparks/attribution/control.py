"""Controls: random maps, which every method must beat, and the input itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.attribution.gradient import reduce_channels
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
        shape = x.shape[2:] if x.ndim == 4 else x.shape[1:2]
        maps = [torch.rand(shape, generator=g) for g in generators(x, self.seed)]
        return torch.stack(maps).to(x.device)


@dataclass(frozen=True)
class Input:
    """The input itself, the control of methods that multiply by it; the model is not looked at.

    Attributes:
        channels: a key of `sparks.attribution.gradient.REDUCTIONS`.
    """

    channels: str = "sum"

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Maps; see the package."""
        return reduce_channels(x, self.channels).float() if x.ndim == 4 else x.float()
