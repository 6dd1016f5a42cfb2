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
        """Mask inputs; see `sparks.protocols.Perturbation`."""
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

    Raises:
        SparksError: when `value` is neither a finite number nor "mean".

    Example:
        Without its third feature, the score falls by two; where this feature becomes 1/2, by one.

        >>> mask = torch.tensor([[1.0, 1.0, 0.0]])
        >>> Engine().score(linear, x, None, mask, Vector(3), Baseline(0.0))
        tensor([[1.]])
        >>> Engine().score(linear, x, None, mask, Vector(3), Baseline(0.5))
        tensor([[2.]])
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
        """Mask inputs; see `sparks.protocols.Perturbation`."""
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

    Example:
        The terms of the vector (1, 1, 1) are its three coordinates; half of the third one is taken.

        >>> terms = torch.eye(3)[None]
        >>> masks = torch.tensor([[1.0, 1.0, 0.5]])
        >>> Engine().score(linear, terms, None, masks, Rows(3), Sum())
        tensor([[2.]])
    """

    def __call__(
        self, x: Tensor, baseline: Tensor | None, sample_index: Tensor, masks: Tensor
    ) -> Tensor:
        """Sum the terms (k, d, D) of each mask's input, weighted by masks (b, d, 1): (b, D)."""
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

    Raises:
        SparksError: when `width` is out of range, or inputs are not images.

    Example:
        One row of the striped image, whose edge is blurred.

        >>> Blur(width=2).baseline(stripes)[0, 0, 0]
        tensor([0.0000, 0.0000, 0.5000, 1.0000])
    """

    width: int = 10

    def __post_init__(self) -> None:
        whole(self, 2, "width")

    def baseline(self, x: Tensor) -> Tensor:
        """Return blurred images (k, C, H, W)."""
        if x.ndim != 4:
            raise SparksError(f"only images can be blurred, not inputs of {tuple(x.shape)}")
        before = self.width // 2
        after = self.width - 1 - before
        padded = functional.pad(x, (before, after, before, after), mode="replicate")
        return functional.avg_pool2d(padded, self.width, stride=1)


@dataclass(frozen=True)
class Noise(_Blend):
    """x m + (1 - m) x0 with x0 = Gaussian noise, one draw per input, the same for all its masks.

    Attributes:
        mean: of the noise, in units of x.
        deviation: standard deviation of the noise, in units of x, not negative.
        seed: of the noise, which is each input's own.

    Raises:
        SparksError: when `deviation` or `seed` is out of range.

    Example:
        >>> noise = Noise(mean=0.5, deviation=0.2).baseline(white)
        >>> noise.shape, round(float(noise.mean()), 1)
        (torch.Size([1, 3, 4, 4]), 0.5)
        >>> torch.equal(noise, Noise(mean=0.5, deviation=0.2).baseline(white))  # the seed decides
        True
    """

    mean: float = 0.5
    deviation: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "deviation", ends=True)
        whole(self, 0, "seed")

    def baseline(self, x: Tensor) -> Tensor:
        """Return the noise, one draw for each input, like x."""
        draws = [torch.randn(x.shape[1:], generator=g) for g in generators(x, self.seed)]
        return torch.stack(draws).to(x.device) * self.deviation + self.mean


@dataclass(frozen=True)
class Uniform(_Blend):
    """x m + (1 - m) x0 with x0 uniform noise, one draw per input, the same for all its masks.

    The random baseline of Hsieh et al. 2021: no value of a removed feature is anything's colour.

    Attributes:
        low: least value of the noise.
        high: greatest value, above `low`.
        seed: of the noise, which is each input's own.

    Raises:
        SparksError: when `high` is not above `low`, or `seed` is negative.

    Example:
        >>> noise = Uniform(low=0.25, high=0.75).baseline(white)
        >>> noise.shape, bool((noise >= 0.25).all() and (noise <= 0.75).all())
        (torch.Size([1, 3, 4, 4]), True)
    """

    low: float = 0.0
    high: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        between(self, self.low, math.inf, "high")
        whole(self, 0, "seed")

    def baseline(self, x: Tensor) -> Tensor:
        """Return the noise, one draw for each input, like x."""
        draws = [torch.rand(x.shape[1:], generator=g) for g in generators(x, self.seed)]
        return torch.stack(draws).to(x.device) * (self.high - self.low) + self.low


@dataclass(frozen=True)
class Amplitude(_NoBaseline):
    """Shift of the input by the mask, scaled by `sigma`.

    Attributes:
        sigma: σ, the size of the shift, above 0.
        variant: "documented" is x + (m - 1/2) σ, as the authors' documentation of the Sobol method
            says; "coded" is x (m - 1/2) σ, as their code does (0 everywhere at m = 1/2).

    Raises:
        SparksError: when `sigma` is not above 0, or `variant` is unknown.

    Example:
        The mask makes (1/2, 1, 3/2) of the vector (1, 1, 1), and the score is 1/2 + 2 · 3/2.

        >>> mask = torch.tensor([[0.0, 0.5, 1.0]])
        >>> Engine().score(linear, x, None, mask, Vector(3), Amplitude())
        tensor([[3.5000]])
    """

    sigma: float = 1.0
    variant: str = "documented"

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "sigma")
        one_of(self, ("documented", "coded"), "variant")

    def __call__(
        self, x: Tensor, baseline: Tensor | None, sample_index: Tensor, masks: Tensor
    ) -> Tensor:
        """Mask inputs; see `sparks.protocols.Perturbation`."""
        shift = (masks - 0.5) * self.sigma
        if self.variant == "documented":
            return _own(x, sample_index) + shift
        return _own(x, sample_index) * shift


@dataclass(frozen=True)
class Token(_NoBaseline):
    """Replacement of the words whose mask is below one half by a token.

    Attributes:
        value: number of the token that stands for a removed word.

    Example:
        >>> words, masks = torch.tensor([[4, 9, 7]]), torch.tensor([[1.0, 0.0, 1.0]])
        >>> Token(value=0)(words, None, torch.tensor([0]), masks)
        tensor([[4, 0, 7]])
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
