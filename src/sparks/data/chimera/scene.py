"""A scene: which parts stand where on which background, and how it is painted.

A scene is sampled once, free of any resolution (lengths are in sides of the image); painting it
draws no random number. So the same scene can be painted without one of its parts, all else equal.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparks.data.chimera.backgrounds import Crop, paint_crop, sample_crop
from sparks.data.chimera.catalogue import PARTS, SHAPES, TEXTURES, Cast
from sparks.data.chimera.shapes import SHAPE_FUNCTIONS
from sparks.data.chimera.textures import COLOURS, TEXTURE_FUNCTIONS

RADIUS = (0.125, 0.165)  # of a part, least and most
MAX_DISTRACTORS = 3
PAIRS = Cast()  # every pair of diagnostic parts is a class
OUTLINE = 0.12  # width of the dark outline, in radii
_TRIES = 64  # places tried for a part

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """One part of a scene, with its place; lengths are in sides of the image.

    Attributes:
        part: its number in `sparks.data.chimera.catalogue.PARTS`.
        x: of its centre, from the left.
        y: of its centre, from above.
        radius: of the circle that holds it.
        angle: by which it is turned, in radians.
        shade: factor on its colours.
    """

    part: int
    x: float
    y: float
    radius: float
    angle: float  # radians
    shade: float  # factor on its colours


@dataclass(frozen=True)
class Scene:
    """All that determines the pixels of an image.

    Attributes:
        label: number of its class.
        crop: the background.
        parts: in the order in which they are painted.
    """

    label: int
    crop: Crop
    parts: tuple[Part, ...]


def sample_scene(
    rng: np.random.Generator,
    label: int,
    bias: float,
    distractors: int = MAX_DISTRACTORS,
    radius: tuple[float, float] = RADIUS,
    cast: Cast = PAIRS,
) -> Scene:
    """Sample a scene of class `label` of `cast`, with 1 to `distractors` distractors.

    The number of random draws does not depend on `bias`, so that all but the choice of the
    background is the same at every bias.

    Args:
        rng: generator of the random numbers.
        label: number of the class.
        bias: probability that the background is the class's own; otherwise it is any, all equally
            likely.
        distractors: how many there are at most.
        radius: least and greatest radius of a part, in sides of the image.
        cast: parts of the classes, distractors and backgrounds.
    """
    own, other = rng.random() < bias, int(rng.integers(len(cast.backgrounds)))
    crop = sample_crop(rng, cast.own_background(label) if own else cast.backgrounds[other])
    others = rng.permutation(cast.distractors)[: rng.integers(1, distractors + 1)]
    present = rng.permutation([*cast.class_parts[label], *others])
    radii = rng.uniform(*radius, size=len(present))
    places = _place(rng, radii)
    angles = rng.uniform(0, 2 * np.pi, size=len(present))
    shades = rng.uniform(0.85, 1.0, size=len(present))
    parts = tuple(
        Part(int(part), float(x), float(y), float(radius), float(angle), float(shade))
        for part, (x, y), radius, angle, shade in zip(
            present, places, radii, angles, shades, strict=True
        )
    )
    return Scene(label, crop, parts)


def _place(rng: np.random.Generator, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return centres (n, 2) of parts that lie inside the image and, as far as there is room, apart.

    Each part takes the first of some random places where it touches no other; if there is none, the
    place where it is farthest from them.
    """
    centres = np.empty((len(radii), 2))
    for i, radius in enumerate(radii):
        tries = rng.uniform(radius, 1 - radius, size=(_TRIES, 2))
        gaps = np.linalg.norm(tries[:, None] - centres[:i], axis=2) - radii[:i] - radius
        gap = gaps.min(axis=1, initial=np.inf)
        free = gap >= 0
        centres[i] = tries[free.argmax() if free.any() else gap.argmax()]
    return centres


def paint(
    scene: Scene, size: int, without: Collection[int] = ()
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Paint a scene.

    Args:
        scene: what to paint.
        size: side in pixels.
        without: indices of parts to leave out; all else stays as it is.

    Returns:
        The image (3, size, size) and the label map of its parts (size, size), 0 where there is no
        part and p + 1 where part p is on top.
    """
    image = paint_crop(scene.crop, size)
    labels = np.zeros((size, size), np.uint8)
    for part in scene.parts:
        if part.part not in without:
            _paint_part(image, labels, part)
    return (image * 255 + 0.5).astype(np.uint8).transpose(2, 0, 1), labels


def _paint_part(image: Array, labels: NDArray[np.uint8], part: Part) -> None:
    """Paint one part over `image` (H, W, 3) and `labels` (H, W), in place."""
    size = len(labels)
    x, y, radius = part.x * size, part.y * size, part.radius * size
    # Only the window that holds the part is touched.
    left, top = (max(0, int(centre - radius - 1)) for centre in (x, y))
    right, bottom = (min(size, int(centre + radius + 2)) for centre in (x, y))
    dx = ((np.arange(left, right) + 0.5 - x) / radius).astype(np.float32)
    dy = ((np.arange(top, bottom) + 0.5 - y) / radius).astype(np.float32)[:, None]
    cos, sin = np.float32(np.cos(part.angle)), np.float32(np.sin(part.angle))
    u, v = cos * dx + sin * dy, cos * dy - sin * dx

    shape, texture = PARTS[part.part]
    distance = SHAPE_FUNCTIONS[SHAPES[shape]](u, v)
    cover = np.clip(0.5 - distance * radius, 0, 1)  # of each pixel by the part
    first, second = np.array(COLOURS[TEXTURES[texture]], np.float32)
    share = TEXTURE_FUNCTIONS[TEXTURES[texture]](u, v, 1 / radius)[..., None]
    colour = (share * first + (1 - share) * second) * np.float32(part.shade)
    inside = np.clip(0.5 - (distance + OUTLINE) * radius, 0, 1)[..., None]
    colour *= 0.15 + 0.85 * inside

    window = np.s_[top:bottom, left:right]
    image[window] += cover[..., None] * (colour - image[window])
    labels[window][cover > 0.5] = part.part + 1
