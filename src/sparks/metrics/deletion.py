"""Deletion and Insertion: the score while features go, or come, in order of importance."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from sparks.checks import one_of, whole
from sparks.engine.core import Engine
from sparks.engine.designs import Ranked
from sparks.engine.inference import OUTPUTS, Model
from sparks.engine.maskers import elements_of
from sparks.engine.perturbations import Baseline
from sparks.metrics.maps import asked_of, check_scored, descending_ranks, has_nan, undefined_to_nan
from sparks.protocols import Explanation, Perturbation


@dataclass(frozen=True, kw_only=True)
class _Curve:
    """Area under the curve of the score against the share of features, most important first.

    Petsiuk et al. 2018. The share goes from 0 to 1 in `steps` equal steps, both ends scored; the
    area is that of the trapezoid rule, of each input by itself.

    Attributes:
        steps: intervals of the curve; steps + 1 forwards.
        baseline: value of a removed feature.
        perturbation: what removing means, if not the baseline.
        output: "probability", or "logit", which the score's name then tells: "Deletion (logit)".
        engine: how masked inputs are scored.
        seed: of the order of ties.
    """

    steps: int = 20
    baseline: float = 0.0
    perturbation: Perturbation | None = None
    output: str = "probability"
    engine: Engine = field(default_factory=Engine)
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "steps")
        whole(self, 0, "seed")
        one_of(self, OUTPUTS, "output")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the area per input; see the package."""
        name = type(self).__name__ + ("" if self.output == "probability" else f" ({self.output})")
        model, x, target, maps = asked_of(explanation, type(self).__name__)
        curves = self.curves(model, x, target, maps)
        area = torch.trapezoid(curves, dx=1 / self.steps)
        return {name: undefined_to_nan(area, has_nan(maps).cpu(), name, "their maps hold NaN")}

    def curves(self, model: Model, x: Tensor, target: Tensor | None, maps: Tensor) -> Tensor:
        """Return the scores (N, steps + 1) at shares 0, 1 / steps, …, 1."""
        check_scored(Explanation(model, x, target, maps))
        features = elements_of(x)
        cuts = (torch.linspace(0, 1, self.steps + 1) * features.d).round().long()
        design = Ranked(descending_ranks(x, maps, self.seed), cuts, insert=self._inserts())
        remove = self.perturbation or Baseline(self.baseline)
        return self.engine.score(model, x, target, design, features, remove, self.output).cpu()

    def _inserts(self) -> bool:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Deletion(_Curve):
    """Area while the most important features are removed: lower is better.

    Example:
        Of two maps, the better one removes the important features first.

        >>> best, worst = (Deletion()(e)["Deletion"] for e in (explanation, opposite))
        >>> best < worst
        tensor([True])
    """

    def _inserts(self) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class Insertion(_Curve):
    """Area while the most important features are put in: higher is better.

    Example:
        >>> best, worst = (Insertion()(e)["Insertion"] for e in (explanation, opposite))
        >>> best > worst
        tensor([True])
    """

    def _inserts(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class InsertionMinusDeletion(_Curve):
    """Insertion minus Deletion: higher is better, and the score of an order at random is near 0.

    Example:
        >>> score = InsertionMinusDeletion()(explanation)["InsertionMinusDeletion"]
        >>> score > 0
        tensor([True])
    """

    def curves(self, model: Model, x: Tensor, target: Tensor | None, maps: Tensor) -> Tensor:
        """Return the differences (N, steps + 1) of the two curves."""
        insertion, deletion = (
            kind(
                steps=self.steps,
                baseline=self.baseline,
                perturbation=self.perturbation,
                output=self.output,
                engine=self.engine,
                seed=self.seed,
            ).curves(model, x, target, maps)
            for kind in (Insertion, Deletion)
        )
        return insertion - deletion
