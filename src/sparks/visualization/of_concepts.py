"""Pictures of all concepts of one class, or of many classes, in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparks.concepts.layer import Layer
from sparks.visualization.objectives import directions
from sparks.visualization.optimise import Ascent, Pictures
from sparks.visualization.spectrum import ImageStatistics


def concept_pictures(
    layer: Layer,
    banks: Sequence[Tensor],
    statistics: ImageStatistics,
    ascent: Ascent | None = None,
    seed: int = 0,
) -> list[Pictures]:
    """Make a picture of every concept: those of all banks are optimised together.

    A concept is a direction of the mean activation (`directions`). A dead concept (all zero) has a
    plain picture of the mean colour, alpha 0 and a history of NaN.

    Args:
        layer: where the model is cut.
        banks: concept vectors V (k, p), such as `Dictionary.atoms`, one bank a class.
        statistics: of the images the model was trained on, as large as its input.
        ascent: how pictures are optimised; `Ascent()`, the MACO paper's way, if not given.
        seed: of start, crops and noise: the same for all concepts.

    Returns:
        Pictures of k concepts, for each bank.

    Raises:
        SparksError: when vectors do not fit the layer or hold NaN.

    Example:
        Three concepts of one class and two of another, in a layer of four channels.

        >>> banks = [torch.rand(3, 4), torch.rand(2, 4)]
        >>> made = concept_pictures(layer, banks, statistics, Ascent(steps=2))
        >>> [len(pictures.images) for pictures in made]
        [3, 2]
    """
    ascent = ascent or Ascent()
    vectors = torch.cat([bank.detach().float().cpu() for bank in banks])
    alive = (vectors != 0).any(1)  # NaN is not zero: it is refused below
    made = _plain(len(vectors), statistics, ascent)
    if bool(alive.any()):
        objective = directions(layer, vectors[alive])
        found = ascent(objective, statistics, statistics.size, seed, "pictures of concepts")
        made.images[alive], made.alpha[alive] = found.images, found.alpha
        made.history[:, alive] = found.history
    whole = (made.images, made.alpha, made.history.T)
    images, alpha, history = (torch.split(part, [len(bank) for bank in banks]) for part in whole)
    return [Pictures(i, a, h.T) for i, a, h in zip(images, alpha, history, strict=True)]


def _plain(n: int, statistics: ImageStatistics, ascent: Ascent) -> Pictures:
    """Make n pictures of the mean colour."""
    size = ascent.size(statistics)
    colour = statistics.colours.mean.float()[:, None, None]
    return Pictures(
        colour.expand(n, -1, *size).clone(),
        torch.zeros(n, *size),
        torch.full((ascent.steps, n), torch.nan),
    )
