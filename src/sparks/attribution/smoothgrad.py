"""Statistics of gradients at noisy copies of an input.

Captum's `NoiseTunnel` draws from the global generator and has no bound on memory of its own, so
the loop is here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.attribution.gradient import OfGradients, gradient
from sparks.checks import between, whole
from sparks.engine.inference import Model
from sparks.models.device import to_device


@dataclass(frozen=True, kw_only=True)
class _NoisyGradient(OfGradients):
    """A statistic of gradients at x + noise.

    Attributes:
        samples: noisy copies of each input.
        deviation: of the Gaussian noise, in units of x.
        seed: of the noise, which is the same for every input.
    """

    samples: int = 50
    deviation: float = 0.2
    channels: str = "max"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 1, "samples")
        whole(self, 0, "seed")
        between(self, 0, math.inf, "deviation")

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        first = torch.zeros_like(x, dtype=torch.float64)
        second = torch.zeros_like(first)
        copies = max(1, self.batch_size // len(x))
        for start in range(0, self.samples, copies):
            count = min(copies, self.samples - start)
            # One draw a sample, so that the noise does not depend on how samples are batched.
            noise = [torch.randn(x.shape[1:], generator=generator) for _ in range(count)]
            shifts = self.deviation * to_device(torch.stack(noise), x.device)
            noisy = (shifts[:, None] + x).flatten(0, 1)
            goals = None if target is None else target.repeat(count)
            grads = gradient(model, noisy, goals).reshape(count, *x.shape)
            first += grads.sum(0, dtype=torch.float64)
            second += grads.double().square_().sum(0)
        return self._statistic(first / self.samples, second / self.samples)

    def _statistic(self, mean: Tensor, square: Tensor) -> Tensor:
        """Return the map, float64 like x, from the mean gradient and the mean squared gradient."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SmoothGrad(_NoisyGradient):
    """|mean gradient at noisy copies of x| (Smilkov et al. 2017), the largest over channels.

    Example:
        >>> SmoothGrad(samples=8)(linear, x, target)
        tensor([[1., 0., 2.]])
    """

    def _statistic(self, mean: Tensor, square: Tensor) -> Tensor:
        return mean.abs()


@dataclass(frozen=True, kw_only=True)
class SquareGrad(_NoisyGradient):
    """Mean squared gradient at noisy copies of x (Hooker et al. 2019), largest over channels.

    Example:
        >>> SquareGrad(samples=8)(linear, x, target)
        tensor([[1., 0., 4.]])
    """

    def _statistic(self, mean: Tensor, square: Tensor) -> Tensor:
        return square


@dataclass(frozen=True, kw_only=True)
class VarGrad(_NoisyGradient):
    """Variance of gradients at noisy copies of x (Adebayo et al. 2018), largest over channels.

    Example:
        The gradient of a linear model does not vary.

        >>> VarGrad(samples=8)(linear, x, target)
        tensor([[0., 0., 0.]])
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 2, "samples")

    def _statistic(self, mean: Tensor, square: Tensor) -> Tensor:
        unbiased = self.samples / (self.samples - 1)
        return (square - mean**2).clamp(min=0) * unbiased
