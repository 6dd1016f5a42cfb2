"""Perturbations: what it means to remove a feature."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sparks.checks import between, one_of, whole
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.models.device import to_device


class _Blend:
    """x m + (1 - m) x0 with a baseline x0 for each input."""

    def __call__(
        self, x: Tensor, baseline: Tensor | None, sample_index: Tensor, masks: Tensor
    ) -> Tensor:
        """Mask inputs."""
        assert baseline is not None
        return torch.addcmul(_own(baseline, sample_index), _own(x - baseline, sample_index), masks)


class _NoBaseline:
    """Depends on the input and the mask alone."""

    def baseline(self, x: Tensor) -> None:
        """Return None: no baseline is needed."""


@dataclass(frozen=True)
class Baseline(_Blend):
    """x m + (1 - m) x0 with a constant x0.

    The Sobol paper calls it inpainting. Images are in [0, 1] here, so 0 is black; behind a
    network that normalises its input, "mean" (each input's own mean, by channel) is closest to
    the paper's zero in normalised units.

    Attributes:
        value: x0, in units of the input, or "mean".
    """

    value: float | str = 0.0

    def __post_init__(self) -> None:
        if self.value != "mean" and (isinstance(self.value, str) or not math.isfinite(self.value)):
            raise SparksError(f"Baseline: value={self.value!r} is not a number, nor 'mean'")

    def baseline(self, x: Tensor) -> Tensor | None:
        """Return the means (k, C, 1, 1) of images, (k, 1) of vectors; None for a number."""
        if self.value == "mean":
            return x.mean(tuple(range(min(2, x.ndim - 1), x.ndim)), keepdim=True)
        return None

    def __call__(
        self, x: Tensor, baseline: Tensor | None, sample_index: Tensor, masks: Tensor
    ) -> Tensor:
        """Mask inputs."""
        if baseline is not None:
            return super().__call__(x, baseline, sample_index, masks)
        if self.value == 0:
            return _own(x, sample_index) * masks
        return torch.lerp(x.new_full((), float(self.value)), _own(x, sample_index), masks)


@dataclass(frozen=True)
class Sum(_NoBaseline):
    """Σ_i m_i x_i, of inputs that are given as their d terms x_i.

    Masks are weights of the terms, as under `Rows`, and the sum is one matrix product for each
    input: no masked copies of the terms.
    """

    def __call__(
        self, x: Tensor, baseline: Tensor | None, sample_index: Tensor, masks: Tensor
    ) -> Tensor:
        """Sum terms (k, d, D) by masks (b, d, 1) in the order of their owners: (b, D)."""
        weights = masks.flatten(1)
        if len(x) == 1:
            return weights @ x[0]
        counts = torch.bincount(sample_index, minlength=len(x)).tolist()
        return torch.cat(
            [w @ terms for w, terms in zip(torch.split(weights, counts), x, strict=True)]
        )


@dataclass(frozen=True)
class Blur(_Blend):
    """x m + (1 - m) x0 with x0 = x blurred by a `width` x `width` box (10 in the Sobol paper).

    Attributes:
        width: side of the box, pixels, at least 2.
    """

    width: int = 10

    def __post_init__(self) -> None:
        whole(self, 2, "width")

    def baseline(self, x: Tensor) -> Tensor:
        """Return blurred images."""
        if x.ndim != 4:
            raise SparksError(f"only images can be blurred, not inputs of {tuple(x.shape)}")
        before = self.width // 2
        after = self.width - 1 - before
        padded = functional.pad(x, (before, after, before, after), mode="replicate")
        return functional.avg_pool2d(padded, self.width, stride=1)


@dataclass(frozen=True)
class Noise(_Blend):
    """x m + (1 - m) x0 with x0 = Gaussian noise, one draw per input, the same for all its masks."""

    mean: float = 0.5
    deviation: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "deviation", ends=True)
        whole(self, 0, "seed")

    def baseline(self, x: Tensor) -> Tensor:
        """Draws, one an input."""
        draws = [torch.randn(x.shape[1:], generator=g) for g in generators(x, self.seed)]
        return torch.stack(draws).to(x.device) * self.deviation + self.mean


@dataclass(frozen=True)
class Uniform(_Blend):
    """x m + (1 - m) x0 with x0 uniform noise, one draw per input, the same for all its masks.

    The random baseline of Hsieh et al. 2021: no value of a removed feature is anything's colour.

    Attributes:
        low: least value of the noise.
        high: greatest value, above `low`.
        seed: of the noise.
    """

    low: float = 0.0
    high: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        between(self, self.low, math.inf, "high")
        whole(self, 0, "seed")

    def baseline(self, x: Tensor) -> Tensor:
        """Draws, one an input."""
        draws = [torch.rand(x.shape[1:], generator=g) for g in generators(x, self.seed)]
        return torch.stack(draws).to(x.device) * (self.high - self.low) + self.low


@dataclass(frozen=True)
class Amplitude(_NoBaseline):
    """Shift of the input by the mask, scaled by `sigma`.

    `variant` "documented" is x + (m - 0.5) sigma, as the authors' documentation of the Sobol
    method says; "coded" is x (m - 0.5) sigma, as their code does (0 everywhere at m = 0.5).
    """

    sigma: float = 1.0
    variant: str = "documented"

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "sigma")
        one_of(self, ("documented", "coded"), "variant")

    def __call__(
        self, x: Tensor, baseline: Tensor | None, sample_index: Tensor, masks: Tensor
    ) -> Tensor:
        """Mask inputs."""
        shift = (masks - 0.5) * self.sigma
        if self.variant == "documented":
            return _own(x, sample_index) + shift
        return _own(x, sample_index) * shift


@dataclass(frozen=True)
class Token(_NoBaseline):
    """Replace the words whose mask is below one half by the token number `value`.

    Attributes:
        value: stands for a removed word.
    """

    value: int = 0

    def __call__(
        self, x: Tensor, baseline: Tensor | None, sample_index: Tensor, masks: Tensor
    ) -> Tensor:
        """Mask token numbers (k, d) by masks (b, d)."""
        return torch.where(masks < 0.5, self.value, _own(x, sample_index))


def _own(x: Tensor, sample_index: Tensor) -> Tensor:
    """Return the input of each mask; a single input is broadcast, which saves a copy."""
    return x if len(x) == 1 else x[to_device(sample_index, x.device)]
