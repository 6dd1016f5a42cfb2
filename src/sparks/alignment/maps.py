"""Sources of human maps: people's marks, or files beside the images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sparks.checks import between
from sparks.data.decoding import placed, upright_sides
from sparks.data.human import human_maps, marks_of
from sparks.data.imageset import ImageSet
from sparks.data.labelled import Labelled
from sparks.errors import SparksError

SUFFIXES = (".npy", ".png", ".jpg", ".jpeg")

# What the released code makes of heat maps of 256 pixels: 64 pixels, 10 x 10 taps, sigma 10.
BLUR_SIZE, BLUR_TAPS, BLUR_SIGMA = 64, 10, 10.0


@dataclass(frozen=True)
class ClickMaps:
    """Blurred clicks, fixations or ellipses of people that the data set knows.

    Those of `chimera` are simulated, those of `sparks.data.MarkedImages` real.

    Attributes:
        sigma: standard deviation of the blur, in sides of the image.
    """

    sigma: float = 0.05

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "sigma")

    def __call__(self, data: Labelled, indices: Tensor) -> Tensor:
        """Return human maps (B, H, W) in [0, 1]."""
        marks = marks_of(data) if isinstance(data, ImageSet) else None
        if marks is None:
            raise SparksError(
                "this data set knows no clicks or other marks, so it has no human maps: use "
                "chimera, one of sparks.data.MarkedImages, or map files"
            )
        assert isinstance(data, ImageSet)
        return human_maps(marks[indices], data.side, self.sigma * data.side)


@dataclass(frozen=True)
class FileMaps:
    """Map files, laid out as the images: `images/train/cat/1.jpg` has `maps/train/cat/1.npy`.

    A map covers its whole image, and is cropped as that is.

    An image without a map file gets a map of zeros: it has no token, and only its label teaches. So
    ClickMe's images can be mixed with ImageNet's.

    Attributes:
        images: folder of the images, as in their data set.
        maps: folder of the maps.
        blur: whether to smooth as the released code does.
    """

    images: str
    maps: str
    blur: bool = True

    def __call__(self, data: Labelled, indices: Tensor) -> Tensor:
        """Return human maps (B, size, size).

        Raises:
            SparksError: when the images are no files, or a map file cannot be read.
        """
        if not isinstance(data, ImageSet) or data.files is None or data.size is None:
            raise SparksError("map files belong to image files: this data set is in memory")
        root = Path(str(data.root))
        maps = [self._map(root / data.files[i], data.size) for i in indices.tolist()]
        return torch.stack(maps)

    def _map(self, image: Path, size: int) -> Tensor:
        if not image.is_relative_to(self.images):
            raise SparksError(f"image {image} does not lie in {self.images}: name its folder")
        path = Path(self.maps) / image.relative_to(self.images)
        found = (path.with_suffix(s) for s in SUFFIXES if path.with_suffix(s).is_file())
        if (there := next(found, None)) is None:
            return torch.zeros(size, size)
        (wide, high), left, top = placed(*upright_sides(image), size)
        whole = prepare(read_map(there)[None], (high, wide), self.blur)[0]
        return whole[top : top + size, left : left + size]


def read_map(path: Path) -> Tensor:
    """Read one map, float32 (h, w), from an array or a grey image.

    Raises:
        SparksError: when it cannot be decoded, is no matrix, or holds NaN or infinite values.
    """
    from PIL import Image

    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            with Image.open(path) as image:
                values = np.asarray(image.convert("F"))
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise SparksError(
            f"human map {path} cannot be read ({error}): replace or remove it"
        ) from error
    values = values.squeeze(-1) if values.ndim == 3 and values.shape[-1] == 1 else values
    if values.ndim != 2 or 0 in values.shape:
        raise SparksError(f"human map {path} has shape {values.shape}: it must be (height, width)")
    if not np.isfinite(values).all():
        raise SparksError(f"human map {path} holds NaN or infinite values: replace or remove it")
    return torch.from_numpy(np.array(values, dtype=np.float32))


def prepare(heat: Tensor, size: int | tuple[int, int], blur: bool = True) -> Tensor:
    """Heat maps (N, h, w) to human maps of `size` (one side, or height and width).

    As the released code does:

    Bilinear to 64 pixels, Gaussian blur (10 x 10 taps, sigma 10, zeros around), bilinear to `size`.
    """
    maps = heat[:, None].float()
    if blur:
        maps = F.interpolate(maps, (BLUR_SIZE, BLUR_SIZE), mode="bilinear", align_corners=False)
        place = torch.arange(BLUR_TAPS) - (BLUR_TAPS - 1) / 2
        row = torch.exp(-(place**2) / (2 * BLUR_SIGMA**2))
        row = row / row.sum()
        before, after = (BLUR_TAPS - 1) // 2, BLUR_TAPS // 2
        padded = F.pad(maps, (before, after, before, after))
        maps = F.conv2d(F.conv2d(padded, row.view(1, 1, -1, 1)), row.view(1, 1, 1, -1))
    sides = (size, size) if isinstance(size, int) else size
    return F.interpolate(maps, sides, mode="bilinear", align_corners=False)[:, 0]
