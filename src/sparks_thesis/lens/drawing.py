"""Pictures of concepts by MACO for an atlas."""

from __future__ import annotations

import torch
from torch import Tensor

from sparks.concepts.bank import Concepts
from sparks.visualization import Ascent, ImageStatistics, concept_pictures, stretched, transparency
from sparks_thesis.lens.atlas import Draw


def drawing(statistics: ImageStatistics, ascent: Ascent, seed: int) -> Draw:
    """Return what draws concepts, their opacity as the last channel.

    Args:
        statistics: of the images that the model was trained on.
        ascent: how pictures are optimised.
        seed: of all pictures.
    """

    def draw(concepts: Concepts) -> Tensor:
        """Draw the concepts of a class, (k, C + 1, H, W) in [0, 1]."""
        bank = concepts.dictionary.atoms
        (made,) = concept_pictures(concepts.layer, [bank], statistics, ascent, seed)
        return torch.cat([stretched(made.images), transparency(made.alpha)[:, None]], 1)

    return draw
