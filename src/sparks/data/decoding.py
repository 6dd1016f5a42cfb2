"""From an image file to pixels, for data sets and for the Lens page alike.

- An image is turned upright as its EXIF orientation says. Of an animation or a file with several
  pages, the first one counts.
- Transparent pixels are composed on `BACKGROUND`.
- Grey values of 16 bits are scaled by their range, floats are taken as they are in [0, 1]; where
  the range is not known the image is refused (see `upright_rgb`).
- The shorter side becomes size / CROP and the centre is cut out, as in evaluation on ImageNet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, features
from torch import Tensor

from sparks.errors import SparksError

# The part of an image's shorter side that the centre crop covers, as in evaluation on ImageNet.
CROP = 0.875
# White, which is what browsers and paper have behind an image.
BACKGROUND = (255, 255, 255)

# Pillow's other formats are not tried: some start a program (EPS runs Ghostscript).
FORMATS: tuple[str, ...] = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
if features.check("avif"):  # depends on how Pillow was built
    FORMATS = (*FORMATS, "AVIF")

# Errors that PIL raises for damaged files.
DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)

TWELVE_BITS = 4095
SIXTEEN_BITS = 65535
_BITS, _PHOTOMETRIC, _ORIENTATION = 258, 262, 0x0112  # tags of TIFF and EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = tuple(_TURNS[number] for number in (5, 6, 7, 8))


def decode(path: Path, size: int, white: float | None = None) -> Tensor:
    """Read an image file as uint8 RGB (3, size, size).

    Args:
        path: of the file.
        size: side in pixels that the image is resized and cropped to (see `fitted`).
        white: as for `upright_rgb`.

    Raises:
        SparksError: when the file is missing, no intact image, or its range is not known.
    """
    with _opened(path) as file:
        return fitted(upright_rgb(file, white), size)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file, and name it in what is raised."""
    try:
        with Image.open(path, formats=FORMATS) as file:
            yield file
    except FileNotFoundError as error:
        raise SparksError(
            f"image {path} does not exist: restore it, or rerun the data step to list the "
            "folder again"
        ) from error
    except DECODE_ERRORS as error:
        raise SparksError(
            f"image {path} cannot be decoded ({error}): replace it by an intact file or remove it "
            "and rerun the data step"
        ) from error
    except SparksError as error:
        raise SparksError(f"image {path}: {error}") from error


def upright_sides(path: Path) -> tuple[int, int]:
    """Read width and height of an image file as it is decoded, from its header.

    Raises:
        SparksError: when the file is missing or no image.
    """
    with _opened(path) as file:
        # Pillow has turned the sides of a TIFF already.
        turned = file.format != "TIFF" and _turn(file) in _SIDEWAYS
        return file.size[::-1] if turned else file.size


def fitted(image: Image.Image, size: int) -> Tensor:
    """Resize and crop an RGB image as `placed` says; return it as uint8 (3, size, size)."""
    if image.size != (size, size):
        (wide, high), left, top = placed(*image.size, size)
        across, down = image.width / wide, image.height / high
        # Only what is cut out is computed: a strip of 1 × 60,000 pixels needs no more memory.
        box = (
            left * across,
            top * down,
            min((left + size) * across, image.width),
            min((top + size) * down, image.height),
        )
        image = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def placed(width: int, height: int, size: int) -> tuple[tuple[int, int], int, int]:
    """Return where an image of width × height pixels is put: resized, then cropped.

    An image that is size × size already is taken as it is.

    Returns:
        The sides it is resized to, and the left and the top of the crop in it, in pixels.
    """
    if (width, height) == (size, size):
        return (size, size), 0, 0
    scale = size / CROP / min(width, height)
    wide, high = (max(size, round(side * scale)) for side in (width, height))
    return (wide, high), (wide - size) // 2, (high - size) // 2


def upright_rgb(image: Image.Image, white: float | None = None) -> Image.Image:
    """Return an opened image as 8-bit RGB, upright, without transparency.

    Args:
        image: as `Image.open` gives it.
        white: the value of white in grey images of 16 or 32 bits and of floats, whose black is 0.
            None takes 65535 for 16 bits (4095 where a TIFF says that it has 12), and 1 for floats.

    Raises:
        SparksError: when a value is outside [0, white] or not a number; when, without `white`, the
            image has 32-bit integers, or 16 bits of which no more than 12 are used (as 12-bit
            images saved with 16 bits: they would be almost black). The message names no file.
        OSError, SyntaxError, ValueError, EOFError: Pillow's, of a damaged file.
    """
    sixteen = any(";16" in str(tile) for tile in getattr(image, "tile", ()))  # gone once loaded
    image.load()
    turn = _turn(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image, white)
    elif sixteen:  # Pillow has taken the upper 8 bits of colours
        _refuse_dark(max(band[1] for band in _extrema(image.convert("RGB"))), 255, "colours")
    if image.mode in ("La", "RGBa"):  # colours multiplied by alpha
        image = image.convert(image.mode.upper())
    if image.has_transparency_data:
        behind = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    if image.mode != "RGB":  # a copy otherwise
        image = image.convert("RGB")
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return what makes a loaded image upright; None where nothing does or its EXIF is damaged."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF raises almost anything, and the pixels are intact
        return None


def _eight_bits(image: Image.Image, white: float | None) -> Image.Image:
    """Scale a grey image of more than 8 bits to L, or to LA where one value is transparent."""
    values = np.asarray(image)
    low, high = values.min(), values.max()
    top = _white(image, float(high), white)
    if not low >= 0 or not high <= top:  # NaN is neither
        raise SparksError(
            f"its values go from {low:g} to {high:g}, outside [0, {top:g}]: convert it to 8 bits, "
            "or set `white` of the data set to the value of white"
        )
    grey = np.rint(values.astype(np.float32) * np.float32(255 / top)).astype(np.uint8)
    # Pillow inverts such grey values of 8 bits, but not of 16.
    if image.mode.startswith("I;16") and _tag(image, _PHOTOMETRIC) == 0:
        grey = 255 - grey
    if (clear := image.info.get("transparency")) is None:
        return Image.fromarray(grey)
    alpha: NDArray[np.uint8] = np.where(values == clear, 0, 255).astype(np.uint8)
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))


def _white(image: Image.Image, high: float, white: float | None) -> float:
    """Return the value of white in a grey image of more than 8 bits, whose largest is `high`."""
    if image.mode == "F":
        return 1.0 if white is None else white
    if _tag(image, _BITS) == (12,):
        return TWELVE_BITS
    if white is not None:
        return white
    # Pillow scales grey values of PPM's family to 16 bits, and opens them as 32.
    if image.mode == "I" and image.format != "PPM":
        raise SparksError(
            "it has grey values of 32 bits (or 16 with a sign), whose range is not known: convert "
            "it to 8 or 16 bits, or set `white` of the data set to the value of white"
        )
    _refuse_dark(high, SIXTEEN_BITS, "grey values")
    return SIXTEEN_BITS


def _refuse_dark(high: float, most: int, what: str) -> None:
    """Refuse values that are those of 12 bits saved with 16; all black is black at any range."""
    if 0 < high <= most >> 4:
        way_out = "convert it to 8 bits" + (
            f", or set `white` of the data set to {TWELVE_BITS}, or to {SIXTEEN_BITS} if it is as "
            "dark as that"
            if most == SIXTEEN_BITS
            else ""
        )
        raise SparksError(
            f"it has {what} of 16 bits of which at most 12 are used, and would be almost black: "
            f"{way_out}"
        )


def _extrema(image: Image.Image) -> tuple[tuple[int, int], ...]:
    return image.getextrema()  # type: ignore[return-value]


def _tag(image: Image.Image, number: int) -> object:
    """Return a tag of a TIFF, None for other formats."""
    return getattr(image, "tag_v2", {}).get(number)
