"""What there is: parts, classes and backgrounds.

Five diagnostic parts, each a shape with a texture, make ten classes: every pair of parts is a
class. So each part belongs to four classes and no part alone decides. Five distractors wear the
same shapes with the textures of other parts and may stand in any image: neither a shape nor a
texture alone tells that a diagnostic part is there.
"""

from __future__ import annotations

from itertools import combinations

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
