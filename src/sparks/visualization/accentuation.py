"""Feature accentuation: an image, changed a little towards a feature that it contains.

    x* = argmax_x f(x) / ‖∇f(x₀)‖ - penalty ‖x - x₀‖² / (2 s),   s = TYPICAL √(C H W)

Attribution says where an image drives a feature, a visualisation what drives it in general; an
accentuated image says what drives it there.

    Hamblin, Fel, Saha, Konkle, Alvarez: Feature Accentuation (arXiv 2402.10039).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.checks import between, one_of
from sparks.errors import SparksError
from sparks.short_repr import short_repr
from sparks.visualization.crops import resize
from sparks.visualization.parametrisation import (
    OPTIMISERS,
    Ascending,
    frequency_scale,
    repeated,
)
from sparks.visualization.spectrum import ImageStatistics

TYPICAL = 0.1  # root mean square change of a pixel at which a penalty of 1 balances the objective


@dataclass(frozen=True, kw_only=True, eq=False)
class Accentuation:
    """The Fourier coefficients of an image, kept near it; a parametrisation of `Ascent`.

    Every picture of a call starts from the same image: one image is accentuated for several
    features. The paper measures the distance at an early layer of the network, the code of one of
    its authors (Horama) by pixels, as it is done here. The objective is divided by the length of
    its gradient at the image, so that a penalty means the same for every feature and network; this
    is ours.

    Attributes:
        image: (C, H, W) in [0, 1]; taken to the canvas.
        penalty: of the distance: 0 for none. With a gradient that stayed as it is at the image, the
            root mean square change of pixels would be 0.1 / penalty.
        decay: coefficients are scaled down by frequency^decay, as in `Fourier`.
        rate: of the optimiser, above 0.
        optimiser: "adam" or "nadam".

    Raises:
        SparksError: when a setting is out of range, or the image is not one.

    Example:
        >>> ascent = Ascent(parametrisation=Accentuation(image=images[0]), steps=10)
        >>> pictures = ascent(logits(model, [0, 1]), statistics, (16, 16))
        >>> pictures.images.shape  # the image, as either class would have it
        torch.Size([2, 3, 16, 16])
    """

    image: Tensor
    penalty: float = 1.0
    decay: float = 1.0
    rate: float = 0.005
    optimiser: str = "adam"

    __repr__ = short_repr

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "rate")
        between(self, 0, math.inf, "penalty", "decay", ends=True)
        one_of(self, OPTIMISERS, "optimiser")
        if self.image.ndim != 3 or not 0 <= float(self.image.min()) <= float(self.image.max()) <= 1:
            raise SparksError(
                f"Accentuation: image of shape {tuple(self.image.shape)}: give one image (C, H, W) "
                "with values in [0, 1]"
            )

    def start(
        self, statistics: ImageStatistics, n: int, seed: int, device: torch.device
    ) -> Ascending:
        """Start n pictures from the image.

        Raises:
            SparksError: when it has another number of channels than the statistics.
        """
        if len(self.image) != statistics.channels:
            raise SparksError(
                f"Accentuation: an image of {len(self.image)} channels, and statistics of images "
                f"of {statistics.channels}: give those of such images"
            )
        size = statistics.size
        image = resize(self.image[None].float(), size).clamp(0, 1)
        scale = frequency_scale(size, self.decay)
        start = torch.view_as_real(torch.fft.rfft2(statistics.colours.unsquash(image))[0] / scale)
        scale = scale.to(device)
        squash = statistics.colours.squashing(scale)

        def decode(parameter: Tensor) -> Tensor:
            return squash(torch.fft.irfft2(scale * torch.view_as_complex(parameter), s=size))

        pictures = repeated(start, n, device)
        return _NearAnImage(pictures, decode, self, image.to(device))


class _NearAnImage(Ascending):
    """A canvas that is pulled back to the image from which it started."""

    def __init__(
        self,
        start: Tensor,
        decode: Callable[[Tensor], Tensor],
        settings: Accentuation,
        image: Tensor,
    ) -> None:
        super().__init__(start, decode, settings.optimiser, settings.rate)
        self.penalty = settings.penalty
        self.origin = image
        self.first: Tensor | None = None  # length of each objective's gradient at the image

    def update(self, image: Tensor, gradient: Tensor, progress: float) -> None:
        """Go one step up the objective less the penalty."""
        if self.first is None:
            self.first = gradient.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]
        typical = TYPICAL * math.sqrt(self.origin.numel())
        pull = self.penalty * (image.detach() - self.origin) / typical
        super().update(image, gradient / self.first - pull, progress)
