"""Crops of images: random ones as in CRAFT's paper, a dense grid as in its code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from sparks.checks import whole
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.short_repr import short_repr

# Crops cut at a time; bounds memory only.
BATCH = 256


@dataclass(frozen=True, eq=False)
class Crops:
    """Positions of crops in their images; the pixels are cut again when they are needed.

    Attributes:
        sample_index: int64 (M,), the image of each.
        corner: int64 (M, 2), row and column of its top left pixel.
        side: of a crop in pixels.
    """

    sample_index: Tensor
    corner: Tensor
    side: int

    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.sample_index)

    def __getitem__(self, index: Tensor) -> Crops:
        return Crops(self.sample_index[index], self.corner[index], self.side)

    def cut(self, images: Tensor) -> Tensor:
        """Return the crops (M, C, H, W) of images (N, C, H, W), resized to the images' size."""
        offsets = torch.arange(self.side)
        rows = self.corner[:, 0, None] + offsets
        columns = self.corner[:, 1, None] + offsets
        sample_index = self.sample_index[:, None, None]
        pixels = images.movedim(1, 3)[sample_index, rows[:, :, None], columns[:, None, :]].movedim(
            3, 1
        )
        if pixels.shape[2:] == images.shape[2:]:
            return pixels
        return functional.interpolate(pixels, images.shape[2:], mode="bilinear")

    def batches(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the crops in batches of at most `BATCH`."""
        for index in torch.split(torch.arange(len(self)), BATCH):
            yield self[index].cut(images)


class Cropping(Protocol):
    """Says where to crop."""

    def __call__(self, images: Tensor) -> Crops:
        """Return crops of images (N, C, H, W)."""


@dataclass(frozen=True, kw_only=True)
class RandomCrops:
    """Square crops at random places, as in the paper.

    Attributes:
        side: of a crop, as a share of the image's shorter side.
        number: of crops of each image.
        seed: an image's crops depend on it and on the image alone.

    Example:
        >>> crops = RandomCrops(number=10)(images)
        >>> len(crops), crops.cut(images).shape
        (60, torch.Size([60, 3, 16, 16]))
    """

    side: float = 0.5
    number: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        _check_side(self.side)
        whole(self, 0, "seed")
        if self.number < 1:
            raise SparksError(f"{self.number} crops of each image: ask for 1 or more")

    def __call__(self, images: Tensor) -> Crops:
        """Crops; see `Cropping`."""
        side = pixels_of(self.side, images)
        room = torch.tensor(images.shape[2:]) - side + 1
        draws = torch.stack(
            [torch.rand(self.number, 2, generator=g) for g in generators(images, self.seed)]
        )
        corner = (draws * room).long().flatten(0, 1)
        return Crops(torch.arange(len(images)).repeat_interleave(self.number), corner, side)


@dataclass(frozen=True, kw_only=True)
class GridCrops:
    """Square crops on a dense grid, as in the authors' code; the last ones end at the border.

    Their code drops what the stride leaves over on the right and below.

    Attributes:
        side: of a crop, as a share of the image's shorter side.
        stride: between crops, as a share of a crop.

    Example:
        >>> len(GridCrops(side=0.5, stride=1.0)(images))  # four of each image
        24
    """

    side: float = 0.5
    stride: float = 0.8

    def __post_init__(self) -> None:
        _check_side(self.side)
        if self.stride <= 0:
            raise SparksError(f"crops have a stride of {self.stride} crops: choose one above 0")

    def __call__(self, images: Tensor) -> Crops:
        """Crops; see `Cropping`."""
        side = pixels_of(self.side, images)
        step = max(1, int(side * self.stride))
        axes = []
        for length in images.shape[2:]:
            starts = list(range(0, length - side + 1, step))
            axes.append(torch.tensor(starts + [length - side] * (starts[-1] != length - side)))
        corner = torch.cartesian_prod(*axes).reshape(-1, 2)
        sample_index = torch.arange(len(images)).repeat_interleave(len(corner))
        return Crops(sample_index, corner.repeat(len(images), 1), side)


def pixels_of(share: float, images: Tensor) -> int:
    """Side of a crop in pixels."""
    if images.ndim != 4:
        raise SparksError(f"crops are cut from images (N, C, H, W), not {tuple(images.shape)}")
    if not len(images):
        raise SparksError(
            "no images to cut crops from: if the model predicts none as the class, "
            "choose another class, or give more images"
        )
    _check_side(share)
    return max(1, round(share * min(images.shape[2:])))


def _check_side(share: float) -> None:
    if not 0 < share <= 1:
        raise SparksError(f"crops have a side of {share} images: choose a share in (0, 1]")
