"""Models that look where people look: human maps, the harmonizer's loss, alignment scores.

    human   maps of human attention, float32 (N, H, W), not negative; constant where unknown
    tokens  1 where an image has a human map, else 0, (N,)

Source: Fel, Felipe, Linsley and Serre 2022 (arXiv 2211.04533) and its released code. Names are
imported on first use.

Examples have two images, each with one click of one person, and the human maps made of these:

    >>> import torch
    >>> from sparks.data import ImageSet, human_maps
    >>> clicks = torch.tensor([[8.5, 8.5], [24.5, 24.5]]).view(2, 1, 1, 2)
    >>> pixels = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    >>> images = ImageSet(torch.tensor([0, 1]), ("cat", "dog"), pixels, truth={"clicks": clicks})
    >>> human = human_maps(clicks, size=32, sigma=4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.alignment.features import revealed
    from sparks.alignment.harmonizer import Harmonizer, harmonizer_loss
    from sparks.alignment.maps import ClickMaps, FileMaps
    from sparks.alignment.pyramid import gaussian_pyramid
    from sparks.alignment.recipe import RECIPES, Recipe
    from sparks.alignment.score import alignment

_MODULES = {
    "RECIPES": "recipe",
    "ClickMaps": "maps",
    "FileMaps": "maps",
    "Harmonizer": "harmonizer",
    "Recipe": "recipe",
    "alignment": "score",
    "gaussian_pyramid": "pyramid",
    "harmonizer_loss": "harmonizer",
    "revealed": "features",
}

__all__ = [
    "RECIPES",
    "ClickMaps",
    "FileMaps",
    "Harmonizer",
    "Recipe",
    "alignment",
    "gaussian_pyramid",
    "harmonizer_loss",
    "revealed",
]


__getattr__ = on_first_use(__name__, _MODULES)
