"""Handwritten digits: the 1,797 real 8 × 8 images that scikit-learn bundles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparks.checks import between, whole
from sparks.data.imageset import ImageSet
from sparks.data.splits import stratified_split
from sparks.errors import SparksError


@dataclass(frozen=True)
class Digits:
    """Builder of the handwritten digits that come with scikit-learn, 1 channel, 10 classes.

    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI (1998), test part:
    1,797 images. Nothing is downloaded.

    Attributes:
        size: side in pixels, 8 or more; above 8 the images are enlarged bilinearly.
        test_share: share of every class that is held out, in (0, 1).
        seed: of the split.

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        >>> splits = Digits(test_share=0.5)()
        >>> splits["train"].images.shape, splits["test"].images.shape
        (torch.Size([899, 1, 8, 8]), torch.Size([898, 1, 8, 8]))
        >>> splits["test"].classes
        ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """

    channels: ClassVar[int] = 1
    num_classes: ClassVar[int] = 10
    size: int = 8
    test_share: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "size")
        between(self, 0, 1, "test_share")
        whole(self, 0, "seed")

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits "train" and "test".

        Raises:
            SparksError: when `size` is below 8 or `test_share` is not between 0 and 1.
        """
        from sklearn.datasets import load_digits

        if self.size < 8:
            raise SparksError(f"digits: size is {self.size}, but the images have 8 pixels a side")
        bundled = load_digits()
        pixels = torch.from_numpy(bundled.images)[:, None] / 16  # values 0..16
        if self.size > 8:
            pixels = torch.nn.functional.interpolate(
                pixels, size=(self.size, self.size), mode="bilinear", align_corners=False
            )
        images = ImageSet(
            labels=torch.from_numpy(bundled.target).to(torch.int64),
            classes=tuple(str(digit) for digit in range(10)),
            images=(pixels * 255).round().to(torch.uint8),
        )
        return stratified_split(images, self.test_share, self.seed)
