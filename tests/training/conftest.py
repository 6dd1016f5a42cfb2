import pytest
import torch

from sparks.data.imageset import ImageSet


@pytest.fixture
def blobs() -> ImageSet:
    """90 images (1, 8, 8) of 3 classes: a bright row, whose height is the class, and noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    images = torch.randint(0, 100, (90, 1, 8, 8), generator=generator, dtype=torch.uint8)
    images[torch.arange(90), 0, 2 * labels + 1] += 100
    return ImageSet(labels=labels, classes=("a", "b", "c"), images=images)
