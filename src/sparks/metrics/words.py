"""Explain texts by one method, and score the importance of their words."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparks.data.texts import TextSet
from sparks.models.counting import Counting
from sparks.models.text import TextClassifier
from sparks.protocols import AttributionMethod, Explanation, Metric


def score_words(
    model: TextClassifier,
    texts: TextSet,
    target: Tensor,
    method: AttributionMethod,
    metrics: Sequence[Metric],
) -> dict[str, Tensor]:
    """Score a method on texts, and count what its explanations cost.

    Texts of one length are explained together, without padding: every feature is a word of theirs,
    and the steps of Deletion are shares of their own words.

    Args:
        model: explained.
        texts: N texts.
        target: class to explain, int64 (N,).
        method: an attribution method; see `sparks.attribution`.
        metrics: see `sparks.metrics`; their truth is the texts' keywords.

    Returns:
        name → value of each text, float32 (N,): those of the metrics, "Forwards" and "Backwards".
    """
    values: dict[str, Tensor] = {}
    for index in texts.by_length():
        length = int(texts.lengths[index[0]])
        x, classes = texts.batch(index)[:, :length], target[index]
        truth = None if texts.keywords is None else texts.keywords[index, :length]
        with Counting(model.body) as counting:
            maps = method(model, x, classes)
        of_length = {
            "Forwards": torch.full((len(x),), counting.forwards / len(x)),
            "Backwards": torch.full((len(x),), counting.backwards / len(x)),
        }
        for metric in metrics:
            of_length |= metric(Explanation(model, x, classes, maps, truth))
        for name, scores in of_length.items():
            values.setdefault(name, torch.full((len(texts),), torch.nan))[index] = scores
    return values
