"""Catalogue of chimera: parts, classes and backgrounds.

Five diagnostic parts, each a shape with a texture, make ten classes: every pair of parts is a
class. So each part belongs to four classes and no part alone decides. Five distractors have the
same shapes with the textures of other parts and may stand in any image: neither a shape nor a
texture alone shows that a diagnostic part is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sparks.errors import SparksError

SHAPES = ("disc", "triangle", "star", "cross", "ring")
TEXTURES = ("striped", "dotted", "checked", "shaded", "wavy")

# A part is a pair (index of the shape, index of the texture); the diagnostic parts come first.
N_DIAGNOSTIC = len(SHAPES)
PARTS = (
    *((i, i) for i in range(N_DIAGNOSTIC)),
    *((i, (i + 2) % N_DIAGNOSTIC) for i in range(N_DIAGNOSTIC)),
)
PART_NAMES = tuple(f"{TEXTURES[texture]} {SHAPES[shape]}" for shape, texture in PARTS)
DISTRACTORS = tuple(range(N_DIAGNOSTIC, len(PARTS)))

# Class k needs the two diagnostic parts CLASS_PARTS[k]; a class is named after their shapes.
CLASS_PARTS = tuple(combinations(range(N_DIAGNOSTIC), 2))
CLASS_NAMES = tuple("+".join(SHAPES[part] for part in parts) for parts in CLASS_PARTS)

# Photographs bundled with scikit-image. Background k is the own background of class k.
BACKGROUNDS = (
    "brick.png",
    "chelsea.png",
    "coffee.png",
    "grass.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
BACKGROUND_NAMES = tuple(name.split(".")[0].split("_")[0] for name in BACKGROUNDS)


@dataclass(frozen=True)
class Cast:
    """Assignment of parts to classes, of distractors, and of backgrounds (all by index).

    Attributes:
        class_parts: the parts of each class.
        distractors: the parts that may stand in any image.
        backgrounds: the photographs; class k's own is the k-th, from the first again at their end.
    """

    class_parts: tuple[tuple[int, ...], ...] = CLASS_PARTS
    distractors: tuple[int, ...] = DISTRACTORS
    backgrounds: tuple[int, ...] = tuple(range(len(BACKGROUNDS)))

    def own_background(self, label: int) -> int:
        """Return the background that class `label` is correlated with."""
        return self.backgrounds[label % len(self.backgrounds)]

    def names(self) -> tuple[str, ...]:
        """Return the names of the classes: the shapes of the pairs, else all their parts."""
        if self.class_parts == CLASS_PARTS:
            return CLASS_NAMES
        return tuple("+".join(PART_NAMES[part] for part in parts) for parts in self.class_parts)


def read_cast(classes: Sequence[Sequence[str]], backgrounds: Sequence[str]) -> Cast:
    """Return the cast that names of parts and backgrounds describe.

    Args:
        classes: names of the parts of each class; empty for every pair of the diagnostic parts.
            Where there are some, every part that is in none of them is a distractor.
        backgrounds: names of the photographs; empty for all of them.

    Raises:
        SparksError: when there is no such part or background, a class alone, or two alike.
    """
    parts = tuple(tuple(_index(name, PART_NAMES, "part") for name in names) for names in classes)
    chosen = tuple(_index(name, BACKGROUND_NAMES, "background") for name in backgrounds)
    if classes and (len(set(map(frozenset, parts))) < max(2, len(parts)) or not all(parts)):
        raise SparksError(f"chimera: classes is {list(classes)}: name two at least, all different")
    deciding = {part for names in parts for part in names}
    others = tuple(part for part in range(len(PARTS)) if part not in deciding)
    return Cast(
        parts or CLASS_PARTS,
        others if parts else DISTRACTORS,
        chosen or tuple(range(len(BACKGROUNDS))),
    )


def _index(name: str, known: Sequence[str], kind: str) -> int:
    if name not in known:
        raise SparksError(f"chimera has no {kind} {name!r}: choose among {', '.join(known)}")
    return known.index(name)
