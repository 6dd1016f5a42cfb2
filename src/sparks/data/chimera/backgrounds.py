"""Backgrounds: random crops of the photographs that scikit-image bundles.

The photographs are read from the installed package, so nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sparks.data.chimera.catalogue import BACKGROUNDS
from sparks.errors import SparksError

# Shorter side of a photograph, in sides of the image: how far the crop zooms in.
ZOOMS = (1.4, 1.9, 2.4)
# Photographs are pulled towards mid-grey, so that they do not swamp the parts.
CONTRAST = 0.8


@dataclass(frozen=True)
class Crop:
    """Position of a background in its photograph, independent of the resolution.

    Attributes:
        background: number of the photograph in `sparks.data.chimera.catalogue.BACKGROUNDS`.
        zoom: number of the magnification in `ZOOMS`.
        left: place in [0, 1) between the leftmost possible crop and the rightmost.
        top: place in [0, 1) between the uppermost possible crop and the lowest.
        flip: whether the crop is mirrored.
        brightness: factor on its values.
    """

    background: int
    zoom: int
    left: float  # in [0, 1): of the room there is
    top: float
    flip: bool
    brightness: float  # factor


def sample_crop(rng: np.random.Generator, background: int) -> Crop:
    """Sample a crop of photograph `background` uniformly."""
    return Crop(
        background=background,
        zoom=int(rng.integers(len(ZOOMS))),
        left=float(rng.random()),
        top=float(rng.random()),
        flip=bool(rng.random() < 0.5),
        brightness=float(rng.uniform(0.8, 1.2)),
    )


def paint_crop(crop: Crop, size: int) -> NDArray[np.float32]:
    """Render a crop as RGB in [0, 1], shape (size, size, 3)."""
    photograph = _photographs(size)[crop.background][crop.zoom]
    top = int(crop.top * (photograph.shape[0] - size + 1))
    left = int(crop.left * (photograph.shape[1] - size + 1))
    window = photograph[top : top + size, left : left + size]
    if crop.flip:
        window = window[:, ::-1]
    bright: NDArray[np.float32] = np.clip(window * np.float32(crop.brightness), 0, 1)
    return bright


@lru_cache(maxsize=2)
def _photographs(size: int) -> tuple[tuple[NDArray[np.float32], ...], ...]:
    """Return every photograph at every zoom, RGB in [0, 1], for images of side `size`."""
    return tuple(_zoomed(name, size) for name in BACKGROUNDS)


def _zoomed(name: str, size: int) -> tuple[NDArray[np.float32], ...]:
    import skimage
    from PIL import Image

    path = Path(skimage.__file__).parent / "data" / name
    if not path.is_file():
        raise SparksError(f"{path} is missing: reinstall scikit-image, which bundles it")
    with Image.open(path) as file:
        photograph = file.convert("RGB")
    if name == "retina.jpg":  # its corners are black
        photograph = photograph.crop((250, 250, 1160, 1160))
    zoomed = []
    for zoom in ZOOMS:
        scale = zoom * size / min(photograph.size)
        shape = [max(size, round(side * scale)) for side in photograph.size]
        pixels = np.asarray(photograph.resize(shape, Image.Resampling.LANCZOS), np.float32) / 255
        zoomed.append((0.5 + CONTRAST * (pixels - 0.5)).astype(np.float32))
    return tuple(zoomed)
