"""Images of a page as WebP: strips, sheets and maps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

# Crops beside each other in a strip: few enough for a phone.
COLUMNS = 5

# From low to high, of growing lightness (the middle of matplotlib's "inferno").
HEAT = ("#420a68", "#932667", "#dd513a", "#fca50a", "#fcffa4")

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


def lit(images: Any, maps: Any, colour: str | None = None) -> Bytes:
    """Show where maps are high: there images are bright and in colour, elsewhere dim and grey.

    Args:
        images: (n, C, h, w), uint8.
        maps: (n, h, w), uint8.
        colour: of a line around what is above half of the largest value, "#rrggbb"; None for none.

    Returns:
        Images (n, C, h, w); of three channels where there is a line.
    """
    pixels = np.asarray(images, np.float32)
    values = np.asarray(maps, np.float32)
    light = values[:, None] / 255
    # With a line to say where, the rest may be easier to see.
    dim = pixels.mean(1, keepdims=True) * (0.45 if colour is None else 0.6) + 25
    mixed = light * pixels + (1 - light) * dim
    if colour is not None:
        line = outline(values >= 127.5, max(1, round(min(values.shape[1:]) / 64)))[:, None]
        mixed = np.where(line, _rgb(colour)[:, None, None], mixed)
    shown: Bytes = mixed.round().clip(0, 255).astype(np.uint8)
    return shown


def outline(inside: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Mark the pixels of areas (n, h, w) that lie within `width` pixels of their border."""
    deep = inside.copy()
    for _ in range(width):
        framed = np.pad(deep, ((0, 0), (1, 1), (1, 1)), mode="edge")
        deep &= framed[:, :-2, 1:-1] & framed[:, 2:, 1:-1]
        deep &= framed[:, 1:-1, :-2] & framed[:, 1:-1, 2:]
    found: NDArray[np.bool_] = inside & ~deep
    return found


def heated(images: Any, maps: Any) -> Bytes:
    """Return images in grey under colours that go from none over red to yellow where maps are high.

    Args:
        images: (n, C, h, w), uint8.
        maps: (n, h, w), uint8.

    Returns:
        Images (n, 3, h, w).
    """
    pixels = np.asarray(images, np.float32)
    values = np.asarray(maps, np.float32) / 255
    places, colours = np.linspace(0, 1, len(HEAT)), np.stack([_rgb(c) for c in HEAT])
    colour = np.stack([np.interp(values, places, channel) for channel in colours.T], 1)
    opacity = (0.8 * values**0.8)[:, None]
    grey = pixels.mean(1, keepdims=True) * 0.8
    shown: Bytes = (opacity * colour + (1 - opacity) * grey).round().clip(0, 255).astype(np.uint8)
    return shown


def _rgb(colour: str) -> NDArray[np.float32]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
