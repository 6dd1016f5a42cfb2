"""Features other than cells: superpixels, a mask of one's own, overlapping windows.

A black-box method takes one of them as its setting `features`. Called with images (N, C, H, W), it
returns one masker for each: the same object where images share their features, so that they are
explained together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sparks.checks import between, whole
from sparks.engine.maskers import Features
from sparks.errors import SparksError

# The logarithm of a mask of 0: finite, so that its product with no window is 0, and exp of it is 0.
_REMOVED = -1000.0


class FeaturesOfImages(Protocol):
    """A rule that says what the features of images are."""

    def __call__(self, x: Tensor, /) -> Sequence[Features]:
        """Return a masker for each image of x (N, C, H, W)."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Regions of an image that do not overlap, of any shape.

    Attributes:
        labels: int64 (H, W), the region 0 … d - 1 of each pixel.

    Example:
        >>> segments = Segments(torch.tensor([[0, 0, 1], [0, 1, 1]]))
        >>> segments.d
        2
        >>> segments.to_map(torch.tensor([[5.0, 7.0]]))[0]
        tensor([[5., 5., 7.],
                [5., 7., 7.]])
    """

    labels: Tensor

    @cached_property
    def d(self) -> int:
        """Number of regions."""
        return int(self.labels.max()) + 1

    def expand(self, masks: Tensor) -> Tensor:
        """Spread masks (b, d) over the pixels: (b, 1, H, W)."""
        return masks[:, self.labels.to(masks.device)].unsqueeze(1)

    def to_map(self, importance: Tensor) -> Tensor:
        """Give each pixel the importance (N, d) of its region: (N, H, W)."""
        return importance.float()[:, self.labels.to(importance.device)]

    def sums(self, maps: Tensor) -> Tensor:
        """Sum maps (N, H, W) over the pixels of each region: (N, d)."""
        index = self.labels.flatten().to(maps.device)
        return maps.new_zeros(len(maps), self.d).index_add_(1, index, maps.flatten(1))


@dataclass(frozen=True, eq=False)
class OverlappingWindows:
    """Square windows that may overlap. A pixel stays to the degree that all windows on it stay.

    The mask of a pixel is the product of the masks of the windows that cover it, its importance the
    mean of theirs.

    Attributes:
        covers: float32 (d, H * W), 1 where window j covers a pixel, else 0.
        size: of the image, (H, W).
    """

    covers: Tensor
    size: tuple[int, int]

    @property
    def d(self) -> int:
        """Number of windows."""
        return len(self.covers)

    def expand(self, masks: Tensor) -> Tensor:
        """Multiply the masks (b, d) of the windows at each pixel: (b, 1, H, W)."""
        logs = masks.log().clamp(min=_REMOVED)
        return (logs @ self.covers.to(masks)).exp().reshape(-1, 1, *self.size)

    def to_map(self, importance: Tensor) -> Tensor:
        """Average the importances (N, d) of the windows at each pixel: (N, H, W)."""
        covers = self.covers.to(importance.device)
        return (importance.float() @ covers / covers.sum(0)).reshape(-1, *self.size)

    def sums(self, maps: Tensor) -> Tensor:
        """Sum maps (N, H, W) over the pixels of each window: (N, d)."""
        return maps.flatten(1) @ self.covers.to(maps).T


@dataclass(frozen=True)
class Superpixels:
    """Regions of similar colour, by SLIC (Achanta et al. 2012; scikit-image's).

    Images of other than three channels are taken as grey, the mean of their channels.

    Attributes:
        count: regions of an image, about.
        compactness: weight of places against colours, above 0; the larger it is, the more square
            are the regions.

    Raises:
        SparksError: when `count` or `compactness` is out of range.

    Example:
        Two regions lie in the black half of an image, two in the white one.

        >>> halves = torch.zeros(1, 3, 16, 16)
        >>> halves[..., 8:] = 1
        >>> features = Superpixels(count=4)(halves)[0]
        >>> features.d, features.labels[0].tolist() == [0] * 8 + [1] * 8
        (4, True)
    """

    count: int = 64
    compactness: float = 10.0

    def __post_init__(self) -> None:
        whole(self, 2, "count")
        between(self, 0, float("inf"), "compactness")

    def __call__(self, x: Tensor, /) -> list[Features]:
        """Return the regions of each image of x (N, C, H, W)."""
        return [self._regions(image) for image in x.detach().float().cpu().numpy()]

    def _regions(self, image: np.ndarray[Any, Any]) -> Features:
        from skimage.segmentation import slic

        colours = image if len(image) == 3 else image.mean(0, keepdims=True).repeat(3, 0)
        labels = slic(colours, self.count, self.compactness, channel_axis=0, start_label=0)
        return Segments(_numbered(torch.from_numpy(labels)))


@dataclass(frozen=True, eq=False)
class FeatureMask:
    """Regions of one's own, as Captum's `feature_mask`: pixels of equal number are one feature.

    Attributes:
        mask: whole numbers, (H, W) for all images or (N, H, W) for each: a tensor, nested lists, or
            the path of an `.npy` file.

    Raises:
        SparksError: when the mask cannot be read, holds other than whole numbers, or does not fit
            the images.

    Example:
        >>> halves = [[7, 7, 9, 9]] * 4
        >>> FeatureMask(halves)(torch.rand(5, 3, 4, 4))[0].d
        2
    """

    mask: Any

    def __post_init__(self) -> None:
        self._labels  # noqa: B018 - says what is wrong with it

    def __call__(self, x: Tensor, /) -> Sequence[Features]:
        """Return the regions of each image of x (N, C, H, W)."""
        labels = self._labels
        if tuple(labels.shape) not in ((*x.shape[2:],), (len(x), *x.shape[2:])):
            raise SparksError(
                f"FeatureMask: a mask of {tuple(labels.shape)} does not fit images of "
                f"{tuple(x.shape)}: expected {tuple(x.shape[2:])}, or one for each image"
            )
        if labels.ndim == 2:
            return [Segments(_numbered(labels))] * len(x)
        return [Segments(_numbered(one)) for one in labels]

    @cached_property
    def _labels(self) -> Tensor:
        mask = self.mask
        try:
            if isinstance(mask, str | Path):
                mask = np.load(mask, allow_pickle=False)
            labels = torch.as_tensor(np.asarray(mask))
        except (OSError, ValueError, TypeError) as error:
            raise SparksError(f"FeatureMask: mask={self.mask!r} cannot be read: {error}") from error
        if labels.ndim not in (2, 3) or labels.is_floating_point() or not labels.numel():
            raise SparksError(
                f"FeatureMask: a mask of {labels.dtype} {tuple(labels.shape)} is not one of whole "
                "numbers (H, W) or (N, H, W)"
            )
        return labels


@dataclass(frozen=True)
class Windows:
    """Square windows of `side` pixels, `stride` apart: they overlap where `stride` < `side`.

    As in Captum's and Zeiler & Fergus's occlusion: the last window of a row is moved to end with
    the image, so that each pixel is covered.

    Attributes:
        side: of a window, pixels.
        stride: from one window to the next, pixels, at most `side`.

    Raises:
        SparksError: when `stride` is above `side`, or `side` above a side of the image.

    Example:
        Windows of 4 pixels start at pixels 0, 2 and 4 of each side.

        >>> Windows(side=4, stride=2)(torch.rand(1, 3, 8, 8))[0].d
        9
    """

    side: int = 16
    stride: int = 8

    def __post_init__(self) -> None:
        whole(self, 1, "side", "stride")
        if self.stride > self.side:
            raise SparksError(
                f"Windows: stride={self.stride} is above side={self.side}, which leaves pixels "
                "that no window covers"
            )

    def __call__(self, x: Tensor, /) -> Sequence[Features]:
        """Return the windows of each image of x (N, C, H, W)."""
        height, width = x.shape[2:]
        if self.side > min(height, width):
            raise SparksError(
                f"Windows: side={self.side} does not fit an image of {height}x{width} pixels"
            )
        down, across = (self._covered(length) for length in (height, width))
        covers = torch.einsum("ih,jw->ijhw", down, across).flatten(2).flatten(0, 1)
        return [OverlappingWindows(covers, (height, width))] * len(x)

    def _covered(self, length: int) -> Tensor:
        """Return which pixels (windows, length) of a side each window covers."""
        starts = [*range(0, length - self.side, self.stride), length - self.side]
        covered = torch.zeros(len(starts), length)
        for row, start in zip(covered, starts, strict=True):
            row[start : start + self.side] = 1
        return covered


def _numbered(labels: Tensor) -> Tensor:
    """Number regions 0 … d - 1, in the order of their labels."""
    numbers: Tensor = torch.unique(labels, return_inverse=True)[1]
    return numbers
