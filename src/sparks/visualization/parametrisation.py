"""Parametrisations of pictures, and their gradient steps: MACO and its baselines.

A parametrisation starts n pictures at once, all from the same seeded state: a picture depends on
its objective and the seed, never on the others of its batch. Notation as in `spectrum`: z are
decorrelated colours, whose mean spectrum r is that of the data set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sparks.checks import between, one_of, whole
from sparks.errors import SparksError
from sparks.visualization.spectrum import ImageStatistics, mirrored, self_conjugate
from sparks.visualization.variation import denoise

OPTIMISERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "nadam": torch.optim.NAdam,
}
# Standard deviation of each law of first phases.
SPREADS = {"uniform": math.pi / math.sqrt(3), "normal": 1.0}


class Canvas(Protocol):
    """Pictures while they are optimised."""

    parameter: Tensor

    def image(self) -> Tensor:
        """Return pictures (n, C, H, W) in [0, 1], differentiable in the parameter."""

    def update(self, image: Tensor, gradient: Tensor, progress: float) -> None:
        """Go one step up.

        Args:
            image: from `image`, in this step.
            gradient: of each picture's objective with respect to it.
            progress: from 0 at the first step to 1 at the last.
        """


class Parametrisation(Protocol):
    """A parametrisation of pictures."""

    def start(self, statistics: ImageStatistics, n: int, seed: int, device: torch.device) -> Canvas:
        """Start n equal pictures as large as the statistics."""


class Ascending:
    """A canvas whose parameter follows an optimiser of PyTorch."""

    def __init__(
        self, start: Tensor, decode: Callable[[Tensor], Tensor], optimiser: str, rate: float
    ) -> None:
        if optimiser not in OPTIMISERS:
            raise SparksError(
                f"optimiser {optimiser!r} is unknown: choose one of {', '.join(OPTIMISERS)}"
            )
        self.parameter = start.contiguous().requires_grad_()
        self.decode = decode
        kind: type = OPTIMISERS[optimiser]
        # One tensor: to group tensors for a GPU would take longer than the step.
        self.optimiser = kind([self.parameter], lr=rate, foreach=False)

    def image(self) -> Tensor:
        """Return pictures (n, C, H, W)."""
        return self.decode(self.parameter)

    def update(self, image: Tensor, gradient: Tensor, progress: float) -> None:
        """Go one step up, through the parametrisation."""
        (self.parameter.grad,) = torch.autograd.grad(image, self.parameter, -gradient)
        self.optimiser.step()


@dataclass(frozen=True, kw_only=True)
class MACO:
    """Phases, with the magnitude of every frequency fixed to the data set's (Fel et al. 2023).

    z = F⁻¹(r e^{iφ}). The parameter is φ before it is standardised: in every step, each picture's
    phases are brought to mean 0 and to the standard deviation of their start, as in the released
    codes. The parameter spreads as it moves, so that a step of the same rate turns the phases less
    and less, and the ascent settles; without this, a rate of 1 turns phases by about one radian in
    every step.

    The phase at -k is minus that at k, so |F(z)| = r holds exactly; the released codes leave this
    out, and magnitudes there differ where rows of `rfft2` mirror each other.

    Attributes:
        law: of the first phases: "uniform" in (-π, π), or "normal" with standard deviation 1.
        standardise_pixels: scale z to standard deviation 1, as the released codes do; a constant.
        rate: of the optimiser, above 0.
        optimiser: "nadam" or "adam".

    Raises:
        SparksError: when a setting is out of range or unknown.

    Example:
        Whatever the objective, a picture has the magnitudes of the mean spectrum.

        >>> from sparks.visualization import magnitude_error
        >>> ascent = Ascent(parametrisation=MACO(), steps=2)
        >>> pictures = ascent(logits(model, [0]), statistics, (16, 16))
        >>> bool(magnitude_error(pictures.images, statistics) < 1e-4)
        True
    """

    law: str = "uniform"
    standardise_pixels: bool = False
    rate: float = 1.0
    optimiser: str = "nadam"

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "rate")
        one_of(self, OPTIMISERS, "optimiser")
        one_of(self, SPREADS, "law")

    def start(
        self, statistics: ImageStatistics, n: int, seed: int, device: torch.device
    ) -> Ascending:
        """Start n pictures from the same random phases, for each channel."""
        generator = torch.Generator().manual_seed(seed)
        shape = statistics.magnitude.shape
        if self.law == "uniform":
            phase = math.pi * (2 * torch.rand(shape, generator=generator) - 1)
        else:
            phase = torch.randn(shape, generator=generator)
        decode = _Decoder(statistics, SPREADS[self.law], self._gain(statistics), device)
        return Ascending(repeated(phase, n, device), decode, self.optimiser, self.rate)

    def _gain(self, statistics: ImageStatistics) -> float:
        if not self.standardise_pixels:
            return 1.0
        zero = torch.zeros(1, *statistics.magnitude.shape)
        z = fixed_magnitude(zero, statistics.magnitude, statistics.size)
        return float(1 / z.square().mean().sqrt())


class _Decoder:
    """Function from phases, not yet standardised, to images; its constants are on the device."""

    def __init__(
        self, statistics: ImageStatistics, spread: float, gain: float, device: torch.device
    ) -> None:
        self.statistics = statistics
        self.spread = spread
        self.magnitude = gain * statistics.magnitude.to(device)
        self.squash = statistics.colours.squashing(self.magnitude)

    def __call__(self, phase: Tensor) -> Tensor:
        phase = self.spread * standardised(phase)
        z = fixed_magnitude(phase, self.magnitude, self.statistics.size)
        return self.squash(z)


def standardised(phase: Tensor) -> Tensor:
    """Bring each picture's phases (n, C, H, W // 2 + 1) to mean 0 and standard deviation 1."""
    axes = (1, 2, 3)
    centred = phase - phase.mean(axes, keepdim=True)
    unit: Tensor = centred / phase.std(axes, keepdim=True)
    return unit


def fixed_magnitude(phase: Tensor, magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Return real z (n, C, H, W) with |rfft2(z)| = `magnitude`, and the phases asked for.

    Where both k and -k are among the coefficients their phases are φ(k) - φ(-k) and its negative,
    uniform for uniform φ; a frequency that is its own negative has phase 0.

    Args:
        phase: (n, C, H, W // 2 + 1).
        magnitude: (C, H, W // 2 + 1), alike at k and -k.
        size: H and W.
    """
    z: Tensor = _FixedMagnitude.apply(phase, magnitude.to(phase), size)
    return z


class _FixedMagnitude(torch.autograd.Function):
    """`fixed_magnitude`, with its adjoint by hand: autograd takes twice as long."""

    @staticmethod
    def forward(ctx: Any, phase: Tensor, magnitude: Tensor, size: tuple[int, int]) -> Tensor:
        columns = self_conjugate(size[1])
        angle = phase.clone()
        angle[..., columns] = _odd(phase[..., columns])
        coefficients = torch.complex(magnitude * angle.cos(), magnitude * angle.sin())
        ctx.save_for_backward(coefficients)
        ctx.columns = columns
        z: Tensor = torch.fft.irfft2(coefficients, s=size)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        # dz = Re Σ_k i c_k dφ_k e^{ikx} / (H W), where most k stand for themselves and for -k.
        (coefficients,) = ctx.saved_tensors
        slope = (coefficients.conj() * torch.fft.rfft2(gradient)).imag
        slope *= 2 / (gradient.shape[-2] * gradient.shape[-1])
        slope[..., ctx.columns] = _odd(slope[..., ctx.columns]) / 2
        return slope, None, None


def _odd(columns: Tensor) -> Tensor:
    """Return the value at k minus that at -k, of columns (..., H, B); it is self-adjoint."""
    return columns - mirrored(columns.mT).mT


@dataclass(frozen=True, kw_only=True)
class Fourier:
    """All Fourier coefficients, scaled down by frequency^decay (Olah et al. 2017).

    Attributes:
        decay: 1 as published; 0.85 in Xplique, 1.5 in Horama.
        std: standard deviation of the coefficients at the start, above 0.
        rate: of the optimiser, above 0; 0.05 in Xplique, 1 in Horama.
        optimiser: "adam" (Xplique) or "nadam" (Horama).

    Raises:
        SparksError: when a setting is out of range or unknown.

    Example:
        >>> ascent = Ascent(parametrisation=Fourier(), crops=named_crops("whole"), steps=10)
        >>> history = ascent(logits(model, [0]), statistics, (16, 16)).history
        >>> bool(history[-1] > history[0])  # the logit has grown
        True
    """

    decay: float = 1.0
    std: float = 0.01
    rate: float = 0.05
    optimiser: str = "adam"

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "std", "rate")
        between(self, 0, math.inf, "decay", ends=True)
        one_of(self, OPTIMISERS, "optimiser")

    def start(
        self, statistics: ImageStatistics, n: int, seed: int, device: torch.device
    ) -> Ascending:
        """Start n pictures from the same small normal coefficients."""
        generator = torch.Generator().manual_seed(seed)
        size = statistics.size
        start = self.std * torch.randn(*statistics.magnitude.shape, 2, generator=generator)
        scale = frequency_scale(size, self.decay).to(device)
        squash = statistics.colours.squashing(scale)

        def decode(parameter: Tensor) -> Tensor:
            coefficients = scale * torch.view_as_complex(parameter)
            return squash(torch.fft.irfft2(coefficients, s=size))

        return Ascending(repeated(start, n, device), decode, self.optimiser, self.rate)


def frequency_scale(size: tuple[int, int], decay: float) -> Tensor:
    """Return frequency^-decay of each Fourier coefficient, (H, W // 2 + 1), by which it is scaled.

    Times √(H W), so that coefficients of size 1 give pixels whose size does not depend on theirs.
    """
    height, width = size
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width))
    scale: Tensor = radius.clamp(min=1 / max(size)) ** -decay
    return scale * math.sqrt(height * width)


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """Pixels in decorrelated colours, with no prior of any kind: the baseline.

    Attributes:
        std: standard deviation of the pixels at the start, above 0.
        rate: of the optimiser, above 0.
        optimiser: "adam" or "nadam".

    Raises:
        SparksError: when a setting is out of range or unknown.

    Example:
        >>> ascent = Ascent(parametrisation=Pixels(), crops=named_crops("whole"), steps=10)
        >>> history = ascent(logits(model, [0]), statistics, (16, 16)).history
        >>> bool(history[-1] > history[0])  # the logit has grown
        True
    """

    std: float = 0.01
    rate: float = 0.05
    optimiser: str = "adam"

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "std", "rate")
        one_of(self, OPTIMISERS, "optimiser")

    def start(
        self, statistics: ImageStatistics, n: int, seed: int, device: torch.device
    ) -> Ascending:
        """Start n pictures from the same small normal values."""
        generator = torch.Generator().manual_seed(seed)
        start = self.std * torch.randn(statistics.channels, *statistics.size, generator=generator)
        pictures = repeated(start, n, device)
        squash = statistics.colours.squashing(pictures)
        return Ascending(pictures, squash, self.optimiser, self.rate)


@dataclass(frozen=True, kw_only=True)
class CBR:
    """Center-bias regularization of pixels (Nguyen, Yosinski and Clune 2016), the paper's baseline.

    Each step adds rate · g / mean|g|, and denoises by total variation. Towards the end only the
    middle is drawn. It belongs with the crops "center-bias". Rates, strengths and shares are the
    published stages', made smooth; 255 grey levels are 1.

    Attributes:
        rate: at the first and at the last step.
        variation: strength of denoising by total variation at the first and at the last step.
        iterations: number of iterations of denoising in each step.
        middle: from which to which share of the steps only the middle is drawn.
        margin: of the middle, relative to the canvas.
        grey: mean of the first picture.
        std: standard deviation of its noise, above 0.

    Raises:
        SparksError: when a setting is out of range.

    Example:
        >>> ascent = Ascent(parametrisation=CBR(), crops=named_crops("center-bias"), steps=10)
        >>> history = ascent(logits(model, [0]), statistics, (16, 16)).history
        >>> bool(history[-1] > history[0])  # the logit has grown
        True
    """

    rate: tuple[float, float] = (11 / 255, 1 / 255)
    variation: tuple[float, float] = (0.39, 0.002)
    iterations: int = 20
    middle: tuple[float, float] = (0.925, 0.98)
    margin: float = 50 / 224
    grey: float = 175 / 255
    std: float = 8 / 255

    def __post_init__(self) -> None:
        whole(self, 1, "iterations")
        between(self, 0, math.inf, "std")
        between(self, 0, 0.5, "margin", ends=True)
        if min(self.rate) <= 0:
            raise SparksError(f"CBR: rate={list(self.rate)} are not steps above 0")

    def start(self, statistics: ImageStatistics, n: int, seed: int, device: torch.device) -> Canvas:
        """Start n pictures of grey with the same little noise."""
        generator = torch.Generator().manual_seed(seed)
        shape = (statistics.channels, *statistics.size)
        start = (self.grey + self.std * torch.randn(*shape, generator=generator)).clamp(0, 1)
        return _CentreBiased(self, repeated(start, n, device))


class _CentreBiased:
    """A canvas of pixels that follow `CBR`."""

    def __init__(self, settings: CBR, start: Tensor) -> None:
        self.parameter = start
        self.settings = settings

    def image(self) -> Tensor:
        return self.parameter

    def update(self, image: Tensor, gradient: Tensor, progress: float) -> None:
        settings = self.settings
        if settings.middle[0] <= progress < settings.middle[1]:
            gradient = gradient * _middle(settings.margin, gradient)
        size = gradient.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-30)
        moved = image.detach() + _between(settings.rate, progress) * gradient / size
        strength = _between(settings.variation, progress)
        self.parameter = denoise(moved.clamp(0, 1), strength, settings.iterations)


def _middle(margin: float, like: Tensor) -> Tensor:
    mask = torch.zeros_like(like[:1, :1])
    top, left = (round(margin * side) for side in like.shape[2:])
    mask[..., top : like.shape[2] - top, left : like.shape[3] - left] = 1
    return mask


def _between(ends: tuple[float, float], progress: float) -> float:
    """Geometric interpolation."""
    return float(ends[0] * (ends[1] / ends[0]) ** progress)


def repeated(start: Tensor, n: int, device: torch.device) -> Tensor:
    """Return n copies of a start (...), (n, ...)."""
    return start.to(device).expand(n, *start.shape).clone()
