"""Relevance inside the true mask: how much of it, and how many of the best pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.checks import whole
from sparks.errors import SparksError
from sparks.metrics.maps import check_scored, descending_ranks, has_nan, undefined_to_nan
from sparks.protocols import Explanation


@dataclass(frozen=True, kw_only=True)
class Relevance:
    """Mass and rank accuracy of a map against the true mask (Arras et al. 2022): higher is better.

    "RelevanceMass" is the share of the map's positive values that lies inside the mask,
    "RelevanceRank" the share of the K largest values inside it, K the mask's area. Random maps
    reach the mask's area in both ("PointingChance" of the pointing game).

    Attributes:
        seed: of the order of equal values.

    Example:
        The last of three features is true; it has two thirds of the relevance.

        >>> {name: value.item() for name, value in Relevance()(explanation).items()}
        {'RelevanceMass': 0.666..., 'RelevanceRank': 1.0}
    """

    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 0, "seed")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return both shares per input, in [0, 1]; NaN where the mask is empty."""
        inside = truth_of(explanation, "Relevance")
        check_scored(explanation)
        maps = explanation.maps.detach().flatten(1).cpu()
        positive = maps.clamp(min=0).double()
        total = positive.sum(1)
        mass = torch.where(inside, positive, 0).sum(1) / total
        ranks = descending_ranks(explanation.x, explanation.maps, self.seed)
        area = inside.sum(1, keepdim=True)
        rank = (inside & (ranks < area)).sum(1) / area[:, 0]
        undefined = has_nan(explanation.maps).cpu() | ~inside.any(1)
        why = "their maps hold NaN, or their true masks are empty"
        nothing = "their maps have no positive value"
        mass = undefined_to_nan(mass, (total == 0) & ~undefined, "RelevanceMass", nothing)
        return {
            name: undefined_to_nan(value.float(), undefined, name, why)
            for name, value in (("RelevanceMass", mass), ("RelevanceRank", rank))
        }


def truth_of(explanation: Explanation, name: str) -> Tensor:
    """Return the true masks of an explanation, bool (N, elements), on the CPU.

    Raises:
        SparksError: when there are none, or they do not fit the maps.
    """
    truth, maps = explanation.truth, explanation.maps
    if truth is None:
        raise SparksError(
            f"{name} needs true masks, and this data set has none: leave it out, or use a data "
            "set with parts or boxes"
        )
    if truth.shape != maps.shape:
        raise SparksError(f"true masks {tuple(truth.shape)} do not fit maps {tuple(maps.shape)}")
    return truth.flatten(1).bool().cpu()
