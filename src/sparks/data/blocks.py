"""Digits beside a null block: half of every image says nothing about its class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from sparks.checks import between, whole
from sparks.data.digits import Digits
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError

SIDE = 16  # two blocks of 8 rows


@dataclass(frozen=True)
class BlockDigits:
    """Builder of images in the manner of BlockMNIST (Shah et al. 2021), 1 channel, 10 classes.

    The upper or the lower half of an image (at random) holds a handwritten digit, the other half
    the null block, a square with its diagonal, the same in every image. `truth["null"]` is bool
    (N, 16, 16), True in the half of the null block. The digits are those that come with
    scikit-learn; nothing is downloaded.

    Attributes:
        test_share: share of every class that is held out, in (0, 1).
        seed: of the split and of the halves.

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        All null blocks, of 8 × 16 pixels, are the same.

        >>> images = BlockDigits()()["test"]
        >>> blocks = images.images[:, 0][images.truth["null"]].view(-1, 8, 16)
        >>> len(blocks) == len(images), bool((blocks == blocks[0]).all())
        (True, True)
    """

    channels: ClassVar[int] = 1
    size: ClassVar[int] = 16
    num_classes: ClassVar[int] = 10
    test_share: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        between(self, 0, 1, "test_share")
        whole(self, 0, "seed")

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits "train" and "test".

        Raises:
            SparksError: when `test_share` is not between 0 and 1.
        """
        splits = Digits(8, self.test_share, self.seed)()
        return {
            name: self._with_blocks(images, place)
            for place, (name, images) in enumerate(splits.items())
        }

    def _with_blocks(self, digits: ImageSet, stream: int) -> ImageSet:
        if digits.images is None:
            raise SparksError("digits are made in memory")
        n = len(digits)
        generator = torch.Generator().manual_seed(2 * self.seed + stream)
        upper = torch.rand(n, generator=generator) < 0.5
        blocks = torch.zeros(n, 2, 8, SIDE, dtype=torch.uint8)
        rows = torch.arange(n)
        blocks[rows, (~upper).long(), :, 4:12] = digits.images[:, 0]
        blocks[rows, upper.long(), :, 4:12] = null_block()
        null = torch.zeros(n, 2, 8, SIDE, dtype=torch.bool)
        null[rows, upper.long()] = True
        return replace(
            digits,
            images=blocks.view(n, 1, SIDE, SIDE),
            truth={"null": null.view(n, SIDE, SIDE)},
        )


def null_block() -> Tensor:
    """Return a square with its diagonal, uint8 (8, 8)."""
    block = torch.zeros(8, 8, dtype=torch.uint8)
    block[0] = block[-1] = block[:, 0] = block[:, -1] = 255
    block.fill_diagonal_(255)
    return block
