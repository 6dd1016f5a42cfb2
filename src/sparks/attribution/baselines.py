"""Controls: random maps, which every method must beat, the input itself, what catches the eye."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sparks.attribution.gradient import REDUCTIONS, reduce_channels
from sparks.checks import between, one_of, whole
from sparks.engine.inference import Model, check_inputs
from sparks.engine.seeds import generators
from sparks.errors import SparksError


@dataclass(frozen=True)
class Random:
    """Uniform values in [0, 1), each input its own; the model is not looked at.

    Attributes:
        seed: give each model its own where maps of several models are compared.

    Example:
        >>> maps = Random()(linear, x, target)
        >>> torch.equal(maps, Random()(linear, x, target))
        True
    """

    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 0, "seed")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return uniform random maps (N, H, W), or (N, d) for vectors; the model is ignored."""
        check_inputs(model, x)
        shape = x.shape[2:] if x.ndim == 4 else x.shape[1:2]
        maps = [torch.rand(shape, generator=g) for g in generators(x, self.seed)]
        return torch.stack(maps).to(x.device)


@dataclass(frozen=True)
class Input:
    """The input itself, the control of methods that multiply by it; the model is not looked at.

    Attributes:
        channels: a key of `sparks.attribution.gradient.REDUCTIONS`.

    Example:
        >>> Input()(linear, x, target)
        tensor([[1., 1., 1.]])
    """

    channels: str = "sum"

    def __post_init__(self) -> None:
        one_of(self, REDUCTIONS, "channels")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return the input as maps (N, H, W), or (N, d) for vectors; the model is ignored."""
        check_inputs(model, x)
        x = x.detach()
        return reduce_channels(x, self.channels).float() if x.ndim == 4 else x.float()


@dataclass(frozen=True)
class BottomUp:
    """Model-free saliency of an image, the bottom-up control condition of studies with people.

    The spectral residual of Hou & Zhang (CVPR 2007): what the log amplitude spectrum has beyond its
    local mean, back in the image with the phase unchanged, squared and smoothed. The model is not
    looked at. colin2022utility does not say which bottom-up map its control was.

    Attributes:
        side: pixels to which larger images are made smaller first.
        blur: standard deviation of the smoothing, in sides of the image.

    Example:
        >>> BottomUp()(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    side: int = 64
    blur: float = 0.04

    def __post_init__(self) -> None:
        whole(self, 3, "side")
        between(self, 0, 1, "blur")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W), not negative, of images (N, C, H, W); the model is ignored."""
        check_inputs(model, x)
        return self.of(x)

    def of(self, x: Tensor) -> Tensor:
        """Return the salience (N, H, W), not negative, of images (N, C, H, W)."""
        if x.ndim != 4:
            raise SparksError(f"BottomUp looks at images, not at inputs of shape {tuple(x.shape)}")
        grey = x.detach().float().mean(1, keepdim=True)
        side = min(self.side, *x.shape[2:])
        small = functional.interpolate(grey, size=(side, side), mode="bilinear", antialias=True)
        spectrum = torch.fft.fft2(small)
        amplitude = (spectrum.abs() + 1e-8).log()
        around = functional.pad(amplitude, (1, 1, 1, 1), mode="circular")
        residual = amplitude - functional.avg_pool2d(around, 3, stride=1)
        kept = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle())).abs().square()
        frequency = torch.fft.fftfreq(side, 1 / side, device=x.device)  # periods a side
        gaussian = (-2 * (torch.pi * self.blur * frequency).square()).exp()
        smooth = torch.fft.ifft2(torch.fft.fft2(kept) * torch.outer(gaussian, gaussian)).real
        sized = functional.interpolate(smooth, size=x.shape[2:], mode="bilinear", antialias=True)
        return sized[:, 0].clamp(min=0)
