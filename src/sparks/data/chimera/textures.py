"""Textures: how much of the first of two colours each point shows, between 0 and 1.

u and v are coordinates in units of the part's radius, `pixel` is the side of a pixel in that unit:
edges are blended over one pixel, so that textures are anti-aliased like shapes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def _band(position: Array, period: float, pixel: float) -> Array:
    """Return the bands of equal width across `position`: 1 in one, 0 in the next."""
    phase = np.abs((position / period) % 1 - 0.5) - 0.25
    share: Array = np.clip(0.5 + phase * (period / pixel), 0, 1)
    return share


def striped(u: Array, v: Array, pixel: float) -> Array:
    """Paint straight stripes."""
    return _band(u, 0.72, pixel)


def dotted(u: Array, v: Array, pixel: float) -> Array:
    """Paint round dots on a square lattice."""
    period = 0.62
    du, dv = (u / period) % 1 - 0.5, (v / period) % 1 - 0.5
    share: Array = np.clip(0.5 + (0.31 - np.hypot(du, dv)) * (period / pixel), 0, 1)
    return share


def checked(u: Array, v: Array, pixel: float) -> Array:
    """Paint a chessboard."""
    one, other = _band(u, 0.84, pixel), _band(v, 0.84, pixel)
    return one * other + (1 - one) * (1 - other)


def shaded(u: Array, v: Array, pixel: float) -> Array:
    """Paint a smooth ramp from one side to the other."""
    share: Array = np.clip(0.5 + 0.5 * u, 0, 1)
    return share


def wavy(u: Array, v: Array, pixel: float) -> Array:
    """Paint zigzag stripes."""
    return _band(u + 0.5 * np.abs((v / 0.8) % 1 - 0.5), 0.66, pixel)


TEXTURE_FUNCTIONS: dict[str, Callable[[Array, Array, float], Array]] = {
    "striped": striped,
    "dotted": dotted,
    "checked": checked,
    "shaded": shaded,
    "wavy": wavy,
}

# The two colours of each texture, RGB in [0, 1]: the palette of Okabe and Ito, black and white.
COLOURS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "striped": ((0.0, 0.45, 0.70), (1.0, 1.0, 1.0)),
    "dotted": ((0.0, 0.0, 0.0), (0.95, 0.90, 0.25)),
    "checked": ((0.84, 0.10, 0.0), (1.0, 1.0, 1.0)),
    "shaded": ((0.0, 0.25, 0.15), (0.30, 1.0, 0.60)),
    "wavy": ((0.55, 0.10, 0.55), (1.0, 0.70, 0.95)),
}
