"""Robustness-Sr: how small a change of the most important features flips the class."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sparks.checks import between, whole
from sparks.engine.inference import Logits, Model
from sparks.engine.maskers import elements_of
from sparks.engine.outputs import classes_of
from sparks.errors import SparksError
from sparks.metrics.maps import asked_of, check_scored, descending_ranks, has_nan, undefined_to_nan
from sparks.protocols import Explanation
from sparks.verification.attack import Attack


class ResolutionWarning(UserWarning):
    """Scores are as small as a search can make them, so that they do not tell maps apart."""


@dataclass(frozen=True, kw_only=True)
class RobustnessSr:
    """Smallest change of the features ranked first that flips the class: lower is better.

    Hsieh et al. 2021 (Robustness-S_r), in the maximum norm: the attack may move the best `share`
    of the features and nothing else. The mean over the shares is the area under their curve;
    `largest` counts where no attack succeeds.

    Distances come in steps of largest / 2^bisections. Where all of an input's are the first step, a
    `ResolutionWarning` says that they are no more than an upper bound.

    Attributes:
        shares: of the features that may move.
        largest: epsilon at which the search ends.
        bisections: of 0 … largest.
        attack: projected gradient descent; steps, clipping and batch size are its.
        seed: of the order of ties.

    Example:
        The class changes once the most important feature has moved by its full range.

        >>> RobustnessSr()(explanation)
        {'Robustness-Sr': tensor([1.])}
    """

    shares: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5)
    largest: float = 1.0
    bisections: int = 7
    attack: Attack = field(default_factory=Attack)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.shares or not all(0 < share <= 1 for share in self.shares):
            raise SparksError(f"Robustness-Sr: shares {list(self.shares)} are not all in (0, 1]")
        between(self, 0, math.inf, "largest")
        whole(self, 1, "bisections")
        whole(self, 0, "seed")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the mean distance per input, in (0, largest]; see the package."""
        name = "Robustness-Sr"
        model, x, target, maps = asked_of(explanation, name)
        mean = self.curves(model, x, target, maps).mean(1).cpu()
        return {name: undefined_to_nan(mean, has_nan(maps).cpu(), name, "their maps hold NaN")}

    def curves(self, model: Model, x: Tensor, target: Tensor | None, maps: Tensor) -> Tensor:
        """Return the distances (N, shares)."""
        check_scored(Explanation(model, x, target, maps))
        features = elements_of(x)
        ranks = descending_ranks(x, maps, self.seed).to(x.device)
        counts = torch.tensor([max(1, round(share * features.d)) for share in self.shares])
        # All shares at once: an attack on many inputs takes hardly longer than on one.
        chosen = (ranks[:, None] < counts[:, None].to(ranks)).to(x).flatten(0, 1)
        times, classes = len(self.shares), classes_of(target, len(x))
        if classes is None:
            raise SparksError("Robustness-Sr needs the class of each input")
        rows, goals = x.repeat_interleave(times, 0), classes.to(x.device).repeat_interleave(times)
        free = features.expand(chosen).expand_as(rows)
        asked = Logits(model, classes)
        found = self.attack.distance(asked, rows, goals, free, self.largest, self.bisections)
        curves = found.view(len(x), times)
        step = self.largest / 2**self.bisections
        if floor := int((curves <= step).all(1).sum()):
            warnings.warn(
                f"Robustness-Sr of {floor} of {len(x)} inputs is {step:g}, the smallest distance "
                "that the search can find: take more bisections, or a smaller largest distance, to "
                "tell their maps apart",
                ResolutionWarning,
                stacklevel=3,
            )
        return curves
