"""What black-box methods share: each is a design of masks and an estimator, nothing more."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from sparks.engine.core import Engine
from sparks.engine.designs import Design
from sparks.engine.domains import Domain
from sparks.engine.perturbations import Baseline, Perturbation
from sparks.engine.running import Model


@dataclass(frozen=True, kw_only=True)
class BlackBox:
    """Settings of every black-box method.

    Attributes:
        grid: cells a side of an image; vectors have one feature a coordinate instead.
        perturbation: what removing a feature means; black by default.
        output: score to explain, "logit" or "probability".
        engine: how masked inputs are scored.
        seed: of the design, which is the same for every input.
    """

    grid: int = 8
    perturbation: Perturbation = field(default_factory=Baseline)
    output: str = "logit"
    engine: Engine = field(default_factory=Engine)
    seed: int = 0

    def score(
        self,
        model: Model,
        x: Tensor,
        target: Tensor | None,
        design: Design | Tensor,
        domain: Domain,
    ) -> Tensor:
        """Scores (N, n) of the masked inputs."""
        return self.engine.score(model, x, target, design, domain, self.perturbation, self.output)
