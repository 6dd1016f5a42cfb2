"""Gaussian pyramid of maps (Burt & Adelson 1983), as in the harmonizer."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sparks.errors import SparksError

# "same": TensorFlow's zero padding, uneven for even sizes; "symmetric": 2 zeros on every side;
# "reflect": 2 mirrored pixels on every side, as image libraries do.
PADDINGS = ("same", "symmetric", "reflect")
_BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
_TAPS, _STRIDE = 5, 2


def gaussian_pyramid(maps: Tensor, levels: int, padding: str = "same") -> list[Tensor]:
    """Return the Gaussian pyramid of maps: blurred, and halved in size, again and again.

    P_0 is the maps, P_{l+1} every second pixel of P_l ∗ outer(b, b) / 256, the convolution with
    b = [1, 4, 6, 4, 1] along both axes (Burt & Adelson 1983). Gradients flow through.

    Args:
        maps: (N, H, W), floating point.
        levels: how many to return, the maps themselves included.
        padding: what lies beyond the border: "same", zeros as TensorFlow pads; "symmetric", two
            zeros on every side; or "reflect", two mirrored pixels on every side.

    Returns:
        `levels` tensors (N, h, w), each side half the one before, rounded up.

    Raises:
        SparksError: when the padding is unknown, or the maps are too small for so many levels.

    Example:
        >>> [tuple(level.shape) for level in gaussian_pyramid(human, levels=3)]
        [(2, 32, 32), (2, 16, 16), (2, 8, 8)]
    """
    if padding not in PADDINGS:
        raise SparksError(f"pyramid padding {padding!r} is unknown: use one of {PADDINGS}")
    most = (min(maps.shape[-2:]) - 1).bit_length() + 1
    most -= padding == "reflect"  # two pixels cannot be mirrored outwards by two
    if not 1 <= levels <= most:
        raise SparksError(
            f"maps of {maps.shape[-2]} × {maps.shape[-1]} pixels have 1 to {most} pyramid levels, "
            f"not {levels}"
        )
    row = torch.tensor(_BINOMIAL, dtype=maps.dtype, device=maps.device)
    kernel = (torch.outer(row, row) / row.sum() ** 2)[None, None]
    pyramid = [maps]
    for _ in range(levels - 1):
        padded = _pad(pyramid[-1][:, None], padding)
        pyramid.append(F.conv2d(padded, kernel, stride=_STRIDE)[:, 0])
    return pyramid


def _pad(maps: Tensor, padding: str) -> Tensor:
    """Return maps (N, 1, h, w) with a border, whose convolution is (N, 1, ⌈h/2⌉, ⌈w/2⌉)."""
    if padding == "reflect":
        return F.pad(maps, (2, 2, 2, 2), mode="reflect")
    if padding != "same":
        return F.pad(maps, (2, 2, 2, 2))
    borders: list[int] = []
    for side in reversed(maps.shape[-2:]):
        total = (-(-side // _STRIDE) - 1) * _STRIDE + _TAPS - side
        borders += [total // 2, total - total // 2]  # the odd one comes after
    return F.pad(maps, borders)
