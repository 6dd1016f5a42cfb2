"""Images that people give: checked before they are decoded, and fitted to a model's input."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError
from torch import Tensor

from sparks.data.decoding import DECODE_ERRORS, fitted, upright_rgb
from sparks.errors import SparksError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of an upload.

    Attributes:
        megabytes: of a file, at most.
        megapixels: of an image, at most.
    """

    megabytes: float = 10.0
    megapixels: float = 25.0

    @property
    def bytes(self) -> int:
        """Bytes of a file, at most."""
        return int(self.megabytes * 1e6)


def read_image(
    data: bytes, size: int, channels: int, limits: Limits | None = None, white: float | None = None
) -> Tensor:
    """Decode an image to (1, channels, size, size) in [0, 1], as the data step decodes files.

    Args:
        data: a file's content.
        size: side of the model's input.
        channels: 1 or 3.
        limits: what is taken.
        white: of the data set, as for `sparks.data.decoding.upright_rgb`.

    Raises:
        SparksError: when it is no image of a known format, damaged or too large, or the range of
            its values is not known.
    """
    limits = limits or Limits()
    if len(data) > limits.bytes:
        raise SparksError(
            f"The file has {len(data) / 1e6:.1f} MB; at most {limits.megabytes:g} MB are taken."
        )
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            # The header alone is read so far: a bomb is refused before it goes off.
            pixels = image.width * image.height
            if pixels > limits.megapixels * 1e6:
                raise SparksError(
                    f"The image has {pixels / 1e6:.1f} megapixels; at most {limits.megapixels:g} "
                    "are taken. Make it smaller first."
                )
            rgb = _known(image, white)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise SparksError(
            f"This file is not an image that can be read: {', '.join(FORMATS)} can."
        ) from None
    except DECODE_ERRORS as error:
        raise SparksError(f"The image is damaged and cannot be decoded ({error}).") from None
    if channels == 1:
        rgb = rgb.convert("L").convert("RGB")
    return fitted(rgb, size)[None, :channels].float() / 255


def _known(image: Image.Image, white: float | None) -> Image.Image:
    try:
        return upright_rgb(image, white)
    except SparksError as error:
        raise SparksError(f"The image cannot be used: {error}.") from None
