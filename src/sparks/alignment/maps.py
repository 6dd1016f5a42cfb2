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
    """Human maps made of the clicks, fixations or ellipses that the data set holds.

    The marks of all people on an image are blurred and averaged; see `sparks.data.human_maps`.
    Those of `sparks.data.Chimera` are simulated, those of `sparks.data.MarkedImages` real.

    Attributes:
        sigma: standard deviation of the blur, in sides of the image.

    Example:
        The map of each image is highest at the click. Pixel 8 covers the coordinates 8 to 9.

        >>> maps = ClickMaps(sigma=0.1)(images, torch.tensor([0, 1]))
        >>> [divmod(int(one.argmax()), 32) for one in maps]  # row and column
        [(8, 8), (24, 24)]
    """

    sigma: float = 0.05

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "sigma")

    def __call__(self, data: Labelled, indices: Tensor) -> Tensor:
        """Return human maps (B, H, W) in [0, 1] of the images at `indices` (B,).

        Raises:
            SparksError: when the data set holds no marks.
        """
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
    """Human maps read from files that lie as the images do.

    The map of `images/train/cat/1.jpg` is `maps/train/cat/1.npy`, an array (height, width) of any
    size, or a grey image .png, .jpg or .jpeg. A map covers its whole image, and is cropped as the
    image is.

    An image without a map file gets a map of zeros, which counts as unknown: training uses its
    label only. So ClickMe's images can be mixed with ImageNet's.

    Attributes:
        images: folder of the images, as in their data set.
        maps: folder of the maps.
        blur: whether to smooth as the released code does.

    Example:
        Of two images, only the first has a map.

        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from PIL import Image
        >>> with TemporaryDirectory() as folder:
        ...     root, maps = Path(folder, "images"), Path(folder, "maps")
        ...     root.mkdir()
        ...     maps.mkdir()
        ...     Image.new("RGB", (8, 8)).save(root / "1.png")
        ...     Image.new("RGB", (8, 8)).save(root / "2.png")
        ...     np.save(maps / "1.npy", np.eye(8))
        ...     files = {"files": ("1.png", "2.png"), "root": str(root), "size": 8}
        ...     photographs = ImageSet(torch.tensor([0, 0]), ("cat",), **files)
        ...     read = FileMaps(str(root), str(maps), blur=False)(photographs, torch.tensor([0, 1]))
        >>> torch.equal(read, torch.stack([torch.eye(8), torch.zeros(8, 8)]))
        True
    """

    images: str
    maps: str
    blur: bool = True

    def __call__(self, data: Labelled, indices: Tensor) -> Tensor:
        """Return human maps, float32 (B, size, size), of the images at `indices` (B,).

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
    """Resize heat maps to human maps, smoothed as by the released code if `blur` is set.

    The steps are: bilinear resizing to 64 pixels a side and Gaussian blur (10 x 10 taps, sigma of
    10 pixels, zeros around), both with `blur` only, then bilinear resizing to `size`.

    Args:
        heat: (N, h, w).
        size: height and width of the human maps, or one side for both.
        blur: whether to smooth.

    Returns:
        float32 (N, H, W).
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
