"""Random crops of a canvas, resized to a model's input, and noise: τ in E_τ f(τ(x)).

Cropping, blurring, flipping and resizing are linear along each axis, so a crop is two small matrix
products, and all crops of a step are two batched ones. They are as fast as interpolation, and their
gradients are the same bytes on every run, on GPUs too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import EllipsisType

import torch
from torch import Tensor

from sparks.checks import between
from sparks.errors import SparksError
from sparks.models.device import to_device
from sparks.short_repr import short_repr
from sparks.visualization.stream import normal, uniform


@dataclass(frozen=True, kw_only=True)
class Crops:
    """The distribution of crops and noise. The defaults are those of the MACO paper.

    The paper does not say how many crops a step has, nor where they lie. All lie on the canvas.

    Attributes:
        count: number of crops a step, at least 1.
        size: mean side of a crop at the first and at the last step, relative to the canvas.
        spread: standard deviation of the side, or half the width of a uniform law.
        law: distribution of the side, "normal" or "uniform".
        smallest: least side; sides are clipped to [smallest, 1].
        centre: standard deviation of the crop's centre around the middle of the canvas, by a normal
            law; None for a uniform law over the canvas.
        blur: least and greatest standard deviation of a Gaussian on the canvas, in pixels.
        flip: mirror half of the crops.
        uniform_noise: half width of uniform noise on pixels in [0, 1].
        normal_noise: standard deviation of normal noise.

    Raises:
        SparksError: when a setting is out of range.

    Example:
        Six crops of each of eight images, resized to 8 x 8 pixels.

        >>> generator = torch.Generator().manual_seed(0)
        >>> cuts = Crops(count=6).draw(0.0, canvas=(16, 16), size=(8, 8), generator=generator)
        >>> cuts(images).shape
        torch.Size([6, 8, 3, 8, 8])
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

    __repr__ = short_repr

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
        device: torch.device | str = "cpu",
    ) -> Cuts:
        """Draw the crops of one step.

        Args:
            progress: from 0 at the first step to 1 at the last.
            canvas: its height and width.
            size: height and width of the model's input.
            generator: on the CPU.
            device: where the crops are to be cut, which is not waited for.

        Returns:
            A function of images (N, C, H, W) that returns their crops (count, N, C, h, w).
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
        down, across = (
            Axes.of(start[:, axis], share, canvas[axis], size[axis], sigma, torch.device(device))
            for axis in (0, 1)
        )
        return Cuts(down, across.flipped(blur[:, 1] < 0.5) if self.flip else across)

    def noise(
        self, shape: Sequence[int], generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> Tensor | float:
        """Return noise of a shape, to add to pixels; 0 for none.

        The generator on the CPU only draws the keys of the streams that the numbers come from (see
        `sparks.visualization.stream`), so they are the same on every device.

        Args:
            shape: of the noise.
            generator: on the CPU.
            device: where the noise is made.
        """
        keys = torch.randint(2**62, (2,), generator=generator).tolist()
        noise: Tensor | float = 0.0
        if self.uniform_noise:
            noise = self.uniform_noise * uniform(shape, keys[0], device)
        if self.normal_noise:
            noise = noise + self.normal_noise * normal(shape, keys[1], device)
        return noise


# Standard deviations at which a Gaussian is cut off: its weight is 1e-4 of the middle's there.
_CUT = math.sqrt(2 * math.log(1e4))

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

    Args:
        name: "paper" (MACO), "xplique", "horama", "olah" (Fourier pictures), "center-bias" (CBR),
            "wide" (large parts, for networks of photographs) or "whole" (all of the picture).
        count: number of crops a step; None for that of the source.

    Raises:
        SparksError: when the name is unknown.

    Example:
        >>> named_crops("xplique").count, named_crops("xplique", count=8).count
        (32, 8)
    """
    if name not in CROPS:
        raise SparksError(f"crops {name!r} are unknown: choose one of {', '.join(CROPS)}")
    return CROPS[name] if count is None else replace(CROPS[name], count=count)


@dataclass(frozen=True, eq=False)
class Axes:
    """Resampling along one axis: output i of crop k is Σ_j weights[k, i, j] input[first[k] + j].

    Attributes:
        first: pixels, K of them.
        weights: (K, target, width), on the device.
    """

    first: list[int]
    weights: Tensor

    @classmethod
    def of(
        cls,
        start: Tensor,
        share: Tensor,
        source: int,
        target: int,
        sigma: Tensor,
        device: torch.device,
    ) -> Axes:
        """Return bilinear weights from `source` to `target` pixels, and Gaussians.

        Triangles as wide as an output pixel, or as an input pixel where that is wider. All crops
        have the pixels that the largest of them needs.

        Args:
            start: of each stretch (K,), relative to the source.
            share: its length, relative.
            source: pixels.
            target: pixels.
            sigma: of each Gaussian (K,), in pixels of the source; 0 for none.
            device: of the weights.
        """
        firsts, lasts, small = [], [], []
        # Few numbers: Python is faster than PyTorch.
        for at, part, blur in zip(start.tolist(), share.tolist(), sigma.tolist(), strict=True):
            scale = part * source / target
            centre = at * source + scale / 2 - 0.5
            reach = max(scale, 1.0) + _CUT * blur
            firsts.append(max(0, math.floor(centre - reach)))
            lasts.append(min(source - 1, math.ceil(centre + (target - 1) * scale + reach)))
            small.append((centre, scale, max(scale, 1.0), max(blur, 1e-3)))
        width = max(j - i for i, j in zip(firsts, lasts, strict=True)) + 1
        firsts = [min(first, source - width) for first in firsts]
        moved = [(c - i, *rest) for i, (c, *rest) in zip(firsts, small, strict=True)]
        numbers = to_device(torch.tensor(moved), device)[..., None, None].unbind(1)
        centre_, scale_, half, spread = numbers
        outputs = torch.arange(target, dtype=torch.float32, device=device)[:, None]
        pixels = torch.arange(width, dtype=torch.float32, device=device)
        centres = torch.addcmul(centre_, outputs, scale_)
        weights = (1 - (pixels - centres).abs_() / half).clamp_(min=0)
        weights /= weights.sum(2, keepdim=True)
        if max(sigma.tolist()) > 0:
            distance = (pixels[:, None] - pixels) / spread
            gaussian = torch.exp(-(distance**2) / 2).where(distance.abs() < _CUT, 0)
            weights = weights @ (gaussian / gaussian.sum(2, keepdim=True))
        return cls(firsts, weights)

    def flipped(self, which: Tensor) -> Axes:
        """Flip the order of the outputs of the crops marked in `which`, bool (K,), on the CPU."""
        mirror = to_device(which, self.weights.device)[:, None, None]
        return Axes(self.first, torch.where(mirror, self.weights.flip(1), self.weights))

    def part(self, which: slice) -> Axes:
        """Return the axes of the crops selected by `which`."""
        return Axes(self.first[which], self.weights[which])


@dataclass(frozen=True, eq=False)
class Cuts:
    """K crops of a canvas: linear maps."""

    down: Axes
    across: Axes

    def __len__(self) -> int:
        """K."""
        return len(self.down.first)

    def part(self, which: slice) -> Cuts:
        """Return the crops selected by `which`."""
        return Cuts(self.down.part(which), self.across.part(which))

    def __call__(self, images: Tensor) -> Tensor:
        """Return crops (K, N, C, h, w) of images (N, C, H, W)."""
        count, channels = images.shape[:2]
        down, across = self._weights(images)
        rows = images.permute(2, 0, 1, 3)
        windows = torch.stack([rows[box] for box in self._boxes()])
        half = torch.bmm(down, windows.flatten(2)).view(len(self), -1, across.shape[2])
        cut = torch.bmm(half, across.mT)
        shape = (len(self), down.shape[1], count, channels, across.shape[1])
        return cut.view(shape).permute(0, 2, 3, 1, 4)

    def adjoint(self, gradient: Tensor, canvas: tuple[int, int]) -> Tensor:
        """Return the gradient for images (N, C, H, W) of a gradient for crops (K, N, C, h, w).

        By hand, as autograd fills a canvas with zeros for each crop it has cut.
        """
        count, channels = gradient.shape[1:3]
        down, across = self._weights(gradient)
        rows = gradient.permute(0, 3, 1, 2, 4).reshape(len(self), -1, across.shape[1])
        half = torch.bmm(rows, across).view(len(self), down.shape[1], -1)
        windows = torch.bmm(down.mT, half).view(len(self), -1, count, channels, across.shape[2])
        total = gradient.new_zeros(canvas[0], count, channels, canvas[1])
        for box, window in zip(self._boxes(), windows, strict=True):
            total[box].add_(window)
        return total.permute(1, 2, 0, 3)

    def _weights(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return self.down.weights.to(like), self.across.weights.to(like)

    def _boxes(self) -> list[tuple[slice | EllipsisType, ...]]:
        height, width = (axis.weights.shape[2] for axis in (self.down, self.across))
        return [
            (slice(top, top + height), ..., slice(left, left + width))
            for top, left in zip(self.down.first, self.across.first, strict=True)
        ]


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images at another size: bilinear, antialiased where they shrink.

    Args:
        images: (N, C, H, W).
        size: height and width of the result, pixels.

    Returns:
        (N, C, *size); the images themselves where they have this size.

    Example:
        >>> resize(images, (8, 4)).shape
        torch.Size([8, 3, 8, 4])
        >>> grey = torch.full((1, 3, 16, 16), 0.5)
        >>> torch.allclose(resize(grey, (4, 4)), torch.tensor(0.5))
        True
    """
    if tuple(images.shape[2:]) == tuple(size):
        return images
    zero, one = torch.zeros(1), torch.ones(1)
    down, across = (
        Axes.of(zero, one, source, target, zero, images.device)
        for source, target in zip(images.shape[2:], size, strict=True)
    )
    return Cuts(down, across)(images)[0].contiguous()
