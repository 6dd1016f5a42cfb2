"""FORGrad: gradient maps without their high frequencies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.checks import between
from sparks.engine.inference import Model
from sparks.errors import SparksError
from sparks.protocols import AttributionMethod


@dataclass(frozen=True)
class FORGrad:
    """Maps of another method, less their frequencies above `cutoff` (Muzellec et al. 2024).

    Strided and max pooling put artefacts of high frequency into gradients that say little of the
    model. The paper chooses the cutoff for each network and method by faithfulness, and filters
    maps whose channels are reduced already.

    Attributes:
        method: any method whose maps are images.
        cutoff: radius of the disc of frequencies that stay, cycles an image side; half a side
            holds all of the axes, sqrt(1/2) sides all there are.

    Example:
        A cutoff below one cycle leaves the mean.

        >>> from sparks.attribution import Saliency
        >>> maps = FORGrad(Saliency(), cutoff=0.5)(net, images, classes)
        >>> bool(maps.flatten(1).std(1).max() < 1e-6)
        True
    """

    method: AttributionMethod
    cutoff: float = 15.0

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "cutoff")
        if not callable(self.method):
            raise SparksError(f"FORGrad: method={self.method!r} is no attribution method")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W) that explain the classes `target` (N,) of images x (N, C, H, W)."""
        if x.ndim != 4:
            raise SparksError(f"FORGrad filters maps of images, not of {tuple(x.shape)} inputs")
        return low_pass(self.method(model, x, target), self.cutoff)

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse what the method refuses of inputs like x (N, C, H, W)."""
        if check := getattr(self.method, "check", None):
            check(model, x)


def low_pass(maps: Tensor, cutoff: float) -> Tensor:
    """Remove frequencies above `cutoff`, in cycles an image side, from maps (N, H, W)."""
    height, width = maps.shape[1:]
    down = torch.fft.fftfreq(height, 1 / height, device=maps.device)
    across = torch.fft.rfftfreq(width, 1 / width, device=maps.device)
    kept = down[:, None] ** 2 + across**2 <= cutoff**2
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(maps.double()) * kept, (height, width))
    return filtered.float()
