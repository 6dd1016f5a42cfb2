"""Base class of black-box methods: a method is a design of masks and an estimator, nothing more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from sparks.checks import one_of, whole
from sparks.engine.core import Engine
from sparks.engine.inference import OUTPUTS, Model, check_inputs
from sparks.engine.maskers import cells_of
from sparks.engine.perturbations import Baseline
from sparks.errors import SparksError
from sparks.protocols import Design, Masker, Perturbation


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

    def __post_init__(self) -> None:
        whole(self, 1, "grid")
        whole(self, 0, "seed")
        one_of(self, OUTPUTS, "output")

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse what a call would refuse of inputs like x (N, ...), without asking the model.

        Raises:
            SparksError: when x is no input of the model, or the grid does not fit it.
        """
        check_inputs(model, x)
        cells_of(x, self.grid)

    def within(self, forwards: int, side: int) -> Self:
        """Return the method with settings that explain an image in at most `forwards` passes.

        Args:
            forwards: the budget for one image.
            side: of the image in pixels, which no grid can exceed.

        Raises:
            SparksError: for a method that has no such rule.
        """
        raise no_budget(self)

    def score(
        self,
        model: Model,
        x: Tensor,
        target: Tensor | None,
        design: Design | Tensor,
        masker: Masker,
    ) -> Tensor:
        """Return the scores (N, n) of the masked inputs."""
        return self.engine.score(model, x, target, design, masker, self.perturbation, self.output)


def refuse_tied(name: str, masks: Tensor) -> None:
    """Refuse random masks (n, d) that cannot tell features apart.

    A feature that no mask removes, or none keeps, gets a value without having been tried; two that
    are always removed together, or one whenever the other is kept, get each other's.
    """
    n, d = masks.shape
    signs = 2 * (masks > 0.5).to(torch.int8) - 1
    steady = (signs == signs[0]).all(0)
    patterns = torch.unique(signs * signs[:1], dim=1).shape[1]
    if bool(steady.any()) or patterns < d:
        why = "never vary" if bool(steady.any()) else "always vary together"
        raise SparksError(
            f"{name}: {n} masks are too few for {d} features, some of which {why}: take more"
        )


def no_budget(method: object) -> SparksError:
    """Return the error of a method that cannot be fitted into a budget of forward passes."""
    return SparksError(
        f"{type(method).__name__} has no rule for a budget of forward passes: "
        "give it a method `within(forwards, side)`, or leave it out"
    )
