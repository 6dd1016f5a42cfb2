"""The pointing game: is the most important pixel where it should be?"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sparks.checks import whole
from sparks.metrics.maps import check_scored, descending_ranks, has_nan, undefined_to_nan
from sparks.metrics.relevance import truth_of
from sparks.protocols import Explanation


@dataclass(frozen=True, kw_only=True)
class PointingGame:
    """1 where the maximum of the map lies in the true mask, else 0 (Zhang et al. 2018).

    On texts: whether the most important word is a true keyword.

    "PointingChance", the area of the mask, is what random maps reach.

    Attributes:
        seed: of the choice among equal maxima.

    Example:
        >>> PointingGame()(explanation)
        {'PointingGame': tensor([1.]), 'PointingChance': tensor([0.3333])}
    """

    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 0, "seed")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the hits and chance per image; NaN for images whose mask is empty."""
        x, maps = explanation.x, explanation.maps
        inside = truth_of(explanation, "the pointing game")
        check_scored(explanation)
        best = descending_ranks(x, maps, self.seed).argmin(1, keepdim=True)
        hits = inside.gather(1, best)[:, 0].float()
        empty = ~inside.any(1)
        hits = undefined_to_nan(hits, has_nan(maps).cpu(), "PointingGame", "their maps hold NaN")
        hits = undefined_to_nan(hits, empty, "PointingGame", "their true masks are empty")
        return {"PointingGame": hits, "PointingChance": inside.float().mean(1)}
