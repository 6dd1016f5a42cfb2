"""Random crops of a canvas, resized to a model's input, and noise: τ in E_τ f(τ(x)).

Cropping, blurring, flipping and resizing are linear along each axis, so a crop is two small matrix
products. They are as fast as interpolation, and their gradients are the same bytes on every run,
on GPUs too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparks.checks import between
from sparks.errors import SparksError


@dataclass(frozen=True, kw_only=True)
class Crops:
    """The law of crops and noise. The defaults are those of the MACO paper.

    Its number of crops a step and where they lie are not known. Boxes always lie on the canvas.

    Attributes:
        count: crops a step.
        size: mean side of a crop at the first and at the last step, relative to the canvas.
        spread: its standard deviation, or half the width of a uniform law.
        law: of sizes, "normal" or "uniform".
        smallest: sizes are clipped to [smallest, 1].
        centre: standard deviation of a normal law of the centre around the middle; None for any
            place alike.
        blur: least and greatest standard deviation of a Gaussian on the canvas, in pixels.
        flip: mirror half of the crops.
        uniform_noise: half width of uniform noise on pixels in [0, 1].
        normal_noise: standard deviation of normal noise.
    """

    count: int = 6
    size: Sequence[float] = (0.25, 0.25)
    spread: float = 0.1
    law: str = "normal"
    smallest: float = 0.05
    centre: float | None = None
    blur: Sequence[float] = (0.0, 0.0)
    flip: bool = False
    uniform_noise: float = 0.1
    normal_noise: float = 0.0

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "spread", "uniform_noise", "normal_noise", ends=True)
        if self.count < 1 or self.law not in ("normal", "uniform"):
            raise SparksError(
                f"crops need a count of 1 or more, not {self.count}, and a law of sizes that is "
                f"normal or uniform, not {self.law!r}"
            )
        if not all(0 < value <= 1 for value in (*self.size, self.smallest)):
            raise SparksError(f"sizes of crops are shares of the canvas in (0, 1], not {self.size}")

    def draw(
        self,
        progress: float,
        canvas: tuple[int, int],
        size: tuple[int, int],
        generator: torch.Generator,
    ) -> list[Crop]:
        """Draw the crops of one step.

        Args:
            progress: from 0 at the first step to 1 at the last.
            canvas: its height and width.
            size: height and width of the model's input.
            generator: on the CPU.
        """
        sides, places, blur = (torch.rand(self.count, 2, generator=generator) for _ in range(3))
        steps = torch.randn(self.count, 3, generator=generator)
        mean = self.size[0] + (self.size[1] - self.size[0]) * progress
        law = steps[:, 2] if self.law == "normal" else 2 * sides[:, 0] - 1
        share = (mean + self.spread * law).clamp(self.smallest, 1)
        room = 1 - share[:, None]
        if self.centre is None:
            start = places * room
        else:
            start = torch.minimum((room / 2 + self.centre * steps[:, :2]).clamp(min=0), room)
        sigma = self.blur[0] + (self.blur[1] - self.blur[0]) * blur[:, 0]
        flipped = (blur[:, 1] < 0.5) & self.flip
        down, across = (
            _axes(start[:, axis], share, canvas[axis], size[axis], sigma) for axis in (0, 1)
        )
        return [Crop(*box) for box in zip(down, across, flipped.tolist(), strict=True)]

    def noise(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """Noise for pixels."""
        width = self.uniform_noise
        values = torch.zeros(*shape)
        if width:
            values.uniform_(-width, width, generator=generator)
        if self.normal_noise:
            values += self.normal_noise * torch.randn(*shape, generator=generator)
        return values


PAPER = Crops()
CROPS = {
    "paper": PAPER,
    # Sizes shrink; noise of 0.08 on images in (-1, 1).
    "xplique": Crops(
        count=32,
        size=(0.5, 0.05),
        spread=0.05,
        centre=0.15,
        uniform_noise=0.02,
        normal_noise=0.04,
    ),
    # Sizes as its documentation says (its code draws 0.25 to 0.30); noise of 0.05 on images in
    # (-2.5, 2.5). It resizes to twice the input first, which is left out.
    "horama": Crops(
        size=(0.225, 0.225),
        spread=0.025,
        law="uniform",
        centre=0.15,
        uniform_noise=0.005,
        normal_noise=0.01,
    ),
    # Large parts of photographs, for networks that have seen objects at many scales.
    "wide": Crops(
        count=2, size=(0.65, 0.65), spread=0.3, law="uniform", uniform_noise=0.0, normal_noise=0.04
    ),
    # Jitter, scale, blur and flip of Fourier pictures as in Xplique; no noise.
    "olah": Crops(
        count=1,
        size=(0.94, 0.94),
        spread=0.02,
        law="uniform",
        blur=(1.0, 1.1),
        flip=True,
        uniform_noise=0.0,
    ),
    # Nguyen et al. 2016 enlarge the image twice by 1.2 and crop near its middle.
    "center-bias": Crops(count=1, size=(1.0, 1 / 1.44), spread=0.0, centre=0.09, uniform_noise=0.0),
    "whole": Crops(count=1, size=(1.0, 1.0), spread=0.0, uniform_noise=0.0),
}


def named_crops(name: str, count: int | None = None) -> Crops:
    """Return the crops and noise of a publication or of a code base, with another count if given.

    Raises:
        SparksError: when the name is none of `CROPS`.
    """
    if name not in CROPS:
        raise SparksError(f"crops {name!r} are unknown: choose one of {', '.join(CROPS)}")
    return CROPS[name] if count is None else replace(CROPS[name], count=count)


@dataclass(frozen=True, eq=False)
class Axis:
    """Resampling along one axis: output i is Σ_j weights[i, j] input[first + j]."""

    first: int
    weights: Tensor


@dataclass(frozen=True, eq=False)
class Crop:
    """One crop of a canvas: a linear map."""

    down: Axis
    across: Axis
    flip: bool = False

    def __call__(self, images: Tensor) -> Tensor:
        """Crops (N, C, h, w) of images (N, C, H, W)."""
        down, across = self._weights(images)
        return down @ images[self._box] @ across.T

    def add_adjoint(self, gradient: Tensor, total: Tensor) -> None:
        """Add to `total` (N, C, H, W), in place, what the gradient of crops is for the images.

        By hand, as autograd fills a canvas with zeros for each crop it has cut.
        """
        down, across = self._weights(gradient)
        total[self._box] += down.T @ gradient @ across

    def _weights(self, like: Tensor) -> tuple[Tensor, Tensor]:
        down, across = (axis.weights.to(like) for axis in (self.down, self.across))
        return down, across.flip(0) if self.flip else across

    @property
    def _box(self) -> tuple[slice, ...]:
        ends = (
            slice(axis.first, axis.first + axis.weights.shape[1])
            for axis in (self.down, self.across)
        )
        return (slice(None), slice(None), *ends)


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (N, C, H, W) at another size: bilinear, antialiased where they shrink."""
    if tuple(images.shape[2:]) == tuple(size):
        return images
    zero, one = torch.zeros(1), torch.ones(1)
    ends = zip(images.shape[2:], size, strict=True)
    (down,), (across,) = (_axes(zero, one, source, target, zero) for source, target in ends)
    return Crop(down, across)(images)


def _axes(start: Tensor, share: Tensor, source: int, target: int, sigma: Tensor) -> list[Axis]:
    """Bilinear weights from stretches of `source` pixels to `target` pixels, and Gaussians.

    Triangles as wide as an output pixel, or as an input pixel where that is wider.

    Args:
        start: of each stretch (K,), relative to the source.
        share: its length, relative.
        source: pixels.
        target: pixels.
        sigma: of each Gaussian (K,), in pixels of the source; 0 for none.
    """
    scale = (share * source / target)[:, None, None]
    centres = start[:, None, None] * source + (torch.arange(target)[:, None] + 0.5) * scale - 0.5
    pixels = torch.arange(source)
    weights = (1 - (pixels - centres).abs() / scale.clamp(min=1)).clamp(min=0)
    weights = weights / weights.sum(2, keepdim=True)
    if bool(sigma.any()):
        distance = (pixels[:, None] - pixels) / sigma.clamp(min=1e-3)[:, None, None]
        gaussian = torch.exp(-(distance**2) / 2)
        gaussian = gaussian.where(gaussian > 1e-4, 0)
        weights = weights @ (gaussian / gaussian.sum(2, keepdim=True))
    used = weights.any(1).int()
    first, last = used.argmax(1).tolist(), (source - used.flip(1).argmax(1)).tolist()
    return [Axis(i, part[:, i:j]) for i, j, part in zip(first, last, weights, strict=True)]
