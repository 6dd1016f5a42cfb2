"""ROAD: remove pixels without leaving a trace of where they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sparks.checks import one_of, whole
from sparks.engine.core import Engine
from sparks.engine.designs import Ranked
from sparks.engine.imputation import NoisyLinearImputation
from sparks.engine.inference import OUTPUTS
from sparks.engine.maskers import elements_of
from sparks.errors import SparksError
from sparks.metrics.maps import asked_of, descending_ranks, has_nan, undefined_to_nan
from sparks.protocols import Explanation, Perturbation


@dataclass(frozen=True, kw_only=True)
class ROAD:
    """Score without the least important pixels less that without the most: higher is better.

    Remove and debias (Rong et al. 2022). "ROADMost" is the mean score where the given shares of the
    most important pixels are removed (lower is better), "ROADLeast" where as many of the least
    important are, "ROAD" their difference, near 0 for random maps. The paper reports accuracies
    over a data set; these are scores of each image.

    Attributes:
        shares: of the pixels that are removed.
        perturbation: what removing means.
        output: "probability" or "logit".
        engine: how masked inputs are scored.
        seed: of the order of ties.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
        >>> image, one = torch.rand(1, 1, 4, 4), torch.tensor([0])
        >>> list(ROAD()(Explanation(net, image, one, maps=image[:, 0])))
        ['ROAD', 'ROADMost', 'ROADLeast']
    """

    shares: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9)
    perturbation: Perturbation = field(default_factory=NoisyLinearImputation)
    output: str = "probability"
    engine: Engine = field(default_factory=Engine)
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 0, "seed")
        one_of(self, OUTPUTS, "output")
        if not self.shares or not all(0 < share < 1 for share in self.shares):
            raise SparksError(f"ROAD: shares {list(self.shares)} are not all in (0, 1)")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the three mean scores per input; see the class."""
        model, x, target, maps = asked_of(explanation, "ROAD")
        features = elements_of(x)
        cuts = (torch.tensor(list(self.shares)) * features.d).round().long()
        ranks = descending_ranks(x, maps, self.seed)
        most, least = (
            self.engine.score(
                model, x, target, Ranked(order, cuts), features, self.perturbation, self.output
            )
            .mean(1)
            .cpu()
            for order in (ranks, features.d - 1 - ranks)
        )
        found = {"ROAD": least - most, "ROADMost": most, "ROADLeast": least}
        bad = has_nan(maps).cpu()
        return {k: undefined_to_nan(v, bad, k, "their maps hold NaN") for k, v in found.items()}
