"""Images of a page as WebP: strips, sheets and maps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

# Crops beside each other in a strip: few enough for a phone.
COLUMNS = 5

Bytes = NDArray[np.uint8]


def save_webp(path: Path | BinaryIO, pixels: Bytes, quality: int = 75) -> None:
    """Write pixels (H, W, C) with C in 1 to 4: grey or colour, the even ones with opacity."""
    from PIL import Image

    modes = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    channels = pixels.shape[2]
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, modes[channels])
    if channels < 3:
        image = image.convert("RGB" if channels == 1 else "RGBA")
    image.save(path, "WEBP", quality=quality, alpha_quality=quality, method=2)


def sheet(images: Any, columns: int) -> Bytes:
    """Put images (N, C, h, w) beside each other: (rows h, columns w, C), the last row filled up."""
    array = np.asarray(images)
    n, c, h, w = array.shape
    rows = math.ceil(n / columns)
    full = np.zeros((rows * columns, c, h, w), np.uint8)
    full[:n] = array
    return full.reshape(rows, columns, c, h, w).transpose(0, 3, 1, 4, 2).reshape(rows * h, -1, c)


def lit(images: Any, maps: Any) -> Bytes:
    """Images (n, C, h, w), uint8, bright and in colour where maps (n, h, w), uint8, are high."""
    pixels = np.asarray(images, np.float32)
    light = np.asarray(maps, np.float32)[:, None] / 255
    dim = pixels.mean(1, keepdims=True) * 0.45 + 25
    mixed: Bytes = (light * pixels + (1 - light) * dim).round().clip(0, 255).astype(np.uint8)
    return mixed
