"""Shapes as signed distance functions: below zero inside, above zero outside.

Coordinates are in units of the part's radius, so every shape fits the unit disc. u points right and
v down, both arrays of one shape; the distance has the same shape and unit. Formulas after
I. Quilez, 2D distance functions; near a corner they may be bounds, which only rounds a pixel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def disc(u: Array, v: Array) -> Array:
    """Return the signed distance to a disc."""
    return np.hypot(u, v) - np.float32(0.9)


def triangle(u: Array, v: Array) -> Array:
    """Return the signed distance to an equilateral triangle with its corners on the unit circle."""
    side = np.float32(np.sqrt(3) / 2)
    distance: Array = np.maximum(side * np.abs(u) - v / 2, v) - np.float32(0.5)
    return distance


def star(u: Array, v: Array) -> Array:
    """Return the signed distance to a five-pointed star whose notches lie at half the radius."""
    wedge = np.float32(np.pi / 5)
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    folded = np.abs((angle + wedge) % (2 * wedge) - wedge)  # 0 at a point, `wedge` at a notch
    along, across = radius * np.cos(folded), radius * np.sin(folded)
    # Distance to the line from the point (1, 0) to the notch 0.5 (cos wedge, sin wedge).
    dx, dy = 0.5 * np.cos(wedge) - 1, 0.5 * np.sin(wedge)
    distance: Array = ((along - 1) * dy - across * dx) / np.float32(np.hypot(dx, dy))
    return distance


def cross(u: Array, v: Array) -> Array:
    """Return the signed distance to a cross of two bars."""
    u, v = np.abs(u), np.abs(v)
    long, short = np.float32(0.93), np.float32(0.34)
    distance: Array = np.minimum(np.maximum(u - long, v - short), np.maximum(u - short, v - long))
    return distance


def ring(u: Array, v: Array) -> Array:
    """Return the signed distance to a ring whose hole has half of its radius."""
    return np.abs(np.hypot(u, v) - np.float32(0.7)) - np.float32(0.25)


SHAPE_FUNCTIONS: dict[str, Callable[[Array, Array], Array]] = {
    "disc": disc,
    "triangle": triangle,
    "star": star,
    "cross": cross,
    "ring": ring,
}
