"""Weights put back to chance, from the logits down: explanations ought to change with them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, cast

import torch

from sparks.models.classifier import Classifier
from sparks.models.weights import seeded


def cascade(
    model: Classifier, levels: int = 4, seed: int = 0
) -> Iterator[tuple[float, Classifier]]:
    """Yield copies of a model with more and more of its layers randomised, the last ones first.

    Adebayo et al. 2018, Sanity checks for saliency maps.

    Args:
        model: left as it is.
        levels: number of copies.
        seed: of the new weights.

    Yields:
        The share of the layers with parameters that are random, and the copy.
    """
    broken = deepcopy(model)
    layers = [m for m in broken.modules() if hasattr(m, "reset_parameters")][::-1]
    done = 0
    for level in range(1, levels + 1):
        until = round(len(layers) * level / levels)
        with seeded(seed + level):
            for layer in layers[done:until]:
                cast("Any", layer).reset_parameters()
        done = until
        yield level / levels, deepcopy(broken).eval()


def untrained(model: Classifier, seed: int = 0) -> Classifier:
    """Return a copy of a model with new random weights: what its architecture does by itself."""
    ((_, copy),) = cascade(model, levels=1, seed=seed)
    return copy


@torch.no_grad()
def rounded(model: Classifier) -> Classifier:
    """Return a copy whose weights have 8 significant bits: to all intents the same network."""
    copy = deepcopy(model)
    for weight in copy.parameters():
        weight.copy_(weight.bfloat16().to(weight))
    return copy.eval()
