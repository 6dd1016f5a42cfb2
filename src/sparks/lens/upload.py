"""Images that people give: checked before they are decoded, and fitted to a model's input."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sparks.errors import SparksError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is taken.

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


def read_image(data: bytes, size: int, channels: int, limits: Limits | None = None) -> Tensor:
    """Decode an image to (1, channels, size, size) in [0, 1], cropped in the middle.

    Args:
        data: a file's content.
        size: side of the model's input.
        channels: 1 or 3.
        limits: what is taken.

    Raises:
        SparksError: when it is no image of a known format, damaged or too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    limits = limits or Limits()
    if len(data) > limits.bytes:
        raise SparksError(
            f"The file has {len(data) / 1e6:.1f} MB; at most {limits.megabytes:g} MB are taken."
        )
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        # The header alone is read so far: a bomb is refused before it goes off.
        pixels = image.width * image.height
        if pixels > limits.megapixels * 1e6:
            raise SparksError(
                f"The image has {pixels / 1e6:.1f} megapixels; at most {limits.megapixels:g} "
                "are taken. Make it smaller first."
            )
        fitted = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (size, size))
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise SparksError(
            f"This file is not an image that can be read: {', '.join(FORMATS)} can."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise SparksError(f"The image is damaged and cannot be decoded ({error}).") from None
    array = np.asarray(fitted if channels == 3 else fitted.convert("L")).reshape(size, size, -1)
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float() / 255
