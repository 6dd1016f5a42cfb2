"""Plausibility: agreement of a map with the words, or pixels, that are known to decide."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.checks import between, whole
from sparks.metrics.maps import check_scored, descending_ranks, has_nan, undefined_to_nan
from sparks.metrics.relevance import truth_of
from sparks.protocols import Explanation


@dataclass(frozen=True, kw_only=True)
class Plausibility:
    """Agreement of a map with a rationale, as in ERASER (DeYoung et al. 2020): higher is better.

    With the rationale as classes and the map as score of each element:

    - "AUPRC": area under the precision-recall curve as average precision, Σ (R_n - R_n-1) P_n,
      equal values taken together (ERASER joins the points by straight lines, which is optimistic).
      A constant map has the rationale's share, "PointingChance" of the pointing game.
    - "TokenF1": harmonic mean of precision and recall of the k most important elements.
    - "TokenF1Best": the largest value that k elements allow, which the rationale itself reaches.

    Plausible is not faithful: a map can agree with people where the model does not.

    Attributes:
        share: k as a share of the elements, at least 1: the mean share of rationales in the data.
        seed: of the order of equal values.

    Example:
        The last of three features is true, and the most important.

        >>> {name: value.item() for name, value in Plausibility(share=0.3)(explanation).items()}
        {'AUPRC': 1.0, 'TokenF1': 1.0, 'TokenF1Best': 1.0}
    """

    share: float
    seed: int = 0

    def __post_init__(self) -> None:
        between(self, 0, 1, "share")
        whole(self, 0, "seed")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the scores per input, in [0, 1]; NaN where the rationale is empty."""
        inside = truth_of(explanation, "Plausibility")
        check_scored(explanation)
        count = max(1, round(self.share * inside.shape[1]))
        chosen = descending_ranks(explanation.x, explanation.maps, self.seed) < count
        size = inside.sum(1)
        scores = {
            "AUPRC": average_precision(explanation.maps.detach().flatten(1).cpu(), inside),
            "TokenF1": 2 * (chosen & inside).sum(1) / (count + size),
            "TokenF1Best": 2 * size.clamp(max=count) / (count + size),
        }
        undefined = has_nan(explanation.maps).cpu() | (size == 0)
        why = "their maps hold NaN, or their rationales are empty"
        return {
            name: undefined_to_nan(value.float(), undefined, name, why)
            for name, value in scores.items()
        }


def average_precision(values: Tensor, inside: Tensor) -> Tensor:
    """Return the average precision of each row, float64 (N,); NaN where nothing is inside.

    It is the mean, over the elements inside, of the precision of all elements with as large a
    value.

    Args:
        values: scores (N, d).
        inside: the classes, bool (N, d).

    Example:
        >>> average_precision(torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[True, False, True]]))
        tensor([0.8333], dtype=torch.float64)
    """
    ascending, order = values.sort(1)
    place = torch.searchsorted(ascending, values.contiguous())  # of the first value as large
    hits = inside.gather(1, order).flip(1).cumsum(1).flip(1)  # inside, from each place on
    precision = hits.gather(1, place).double() / (values.shape[1] - place)
    return torch.where(inside, precision, 0).sum(1) / inside.sum(1)
