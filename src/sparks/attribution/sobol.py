"""Sobol attribution: how much of the score's variance goes through each feature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt
from typing import NamedTuple, Self

from torch import Tensor

from sparks.attribution.black_box import FeatureWise
from sparks.checks import one_of, whole
from sparks.engine.inference import Model
from sparks.engine.maskers import Features
from sparks.errors import SparksError
from sparks.sensitivity.designs import SaltelliDesign
from sparks.sensitivity.estimators import ESTIMATORS, ORDERS, bootstrap, indices, slopes
from sparks.sensitivity.sequences import SEQUENCES, check_size

# Below this sample size the output variance that indices are divided by is too noisy.
FEWEST_POINTS = 8


class Evaluation(NamedTuple):
    """A design, the features it masks, and the scores (N, n) it got."""

    design: SaltelliDesign
    features: Features
    scores: Tensor


class Indices(NamedTuple):
    """First-order and total indices, float64 (N, d) each."""

    first: Tensor
    total: Tensor


@dataclass(frozen=True, kw_only=True)
class Sobol(FeatureWise):
    """Sobol' indices of the score under masks in [0, 1]ᵈ (Fel et al. 2021). N (d + 2) forwards.

    As published: `scramble=False`. The total index of a feature holds all its interactions. The map
    is NaN, with a warning, for an input whose score no mask changes.

    Attributes:
        points: N, rows of each block of the design; a power of two.
        order: "total" or "first".
        sequence: see `sparks.sensitivity.sequences`.
        scramble: randomise the sequence. Without, indices are biased in many dimensions.
        estimator: see `sparks.sensitivity.estimators`.
        resize: how indices become a map, see `Grid`: "bicubic" as published (the authors' code has
            OpenCV's), "bicubic-keys" as xplique (TensorFlow's), "bilinear" or "nearest".
        signed: give each index the sign of the score's mean change with the feature alone, so that
            evidence against the class is negative. Ours: the paper's indices have no sign.

    Example:
        Total indices of a linear model are the shares of its squared weights in the variance.

        >>> Sobol(points=256)(linear, x, target).round(decimals=1)
        tensor([[0.2000, 0.0000, 0.8000]])
        >>> Sobol(grid=4, points=8)(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    points: int = 32
    order: str = "total"
    sequence: str = "sobol"
    scramble: bool = True
    estimator: str = "jansen"
    resize: str = "bicubic"
    signed: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 2, "points")
        one_of(self, ORDERS, "order")
        one_of(self, SEQUENCES, "sequence")
        one_of(self, ESTIMATORS, "estimator")
        check_size(self.sequence, self.points)

    def within(self, forwards: int, side: int) -> Self:
        """Keep the grid as long as that leaves `FEWEST_POINTS` points, else take the finest below.

        There are as many points as there can be, a power of two for the sequence "sobol".
        """
        finest = isqrt(forwards // FEWEST_POINTS - 2)
        grid = min(self.grid, finest, side)
        points = forwards // (grid**2 + 2)
        if self.sequence == "sobol":
            points = 1 << points.bit_length() - 1
        return replace(self, points=points, grid=grid)

    def _explain(
        self, model: Model, x: Tensor, target: Tensor | None, features: Features
    ) -> Tensor:
        design, _, scores = self._evaluated(model, x, target, features)
        values = indices(scores, self.points, self.order, self.estimator)
        if self.signed:
            values = values * slopes(scores, design.a, design.b).sign()
        return features.to_map(values)

    def indices(self, model: Model, x: Tensor, target: Tensor | None) -> Indices:
        """Return the first-order and total indices of each feature, from one evaluation.

        The total ones by `estimator`; the first-order ones by Saltelli et al. 2010, table 2 (b),
        whose error shrinks with the index. Jansen's does not: at N = 32 it exceeds most indices.
        """
        scores = self.evaluate(model, x, target).scores
        return Indices(
            first=indices(scores, self.points, "first", "saltelli"),
            total=indices(scores, self.points, "total", self.estimator),
        )

    def evaluate(self, model: Model, x: Tensor, target: Tensor | None) -> Evaluation:
        """Score the design: both orders, and intervals, come from one evaluation.

        Raises:
            SparksError: when the inputs have different features (`features`).
        """
        (_, features), *others = self.maskers(x)
        if others:
            raise SparksError("these images have different features: evaluate one at a time")
        return self._evaluated(model, x, target, features)

    def _evaluated(
        self, model: Model, x: Tensor, target: Tensor | None, features: Features
    ) -> Evaluation:
        design = SaltelliDesign.sample(
            self.points, features.d, self.sequence, self.scramble, self.seed
        )
        return Evaluation(design, features, self.score(model, x, target, design, features))

    def intervals(
        self, evaluation: Evaluation, level: float = 0.95, repeats: int = 1000
    ) -> tuple[Tensor, Tensor]:
        """Return bootstrap bounds of the indices, (N, d) each."""
        return bootstrap(
            evaluation.scores, self.points, self.order, self.estimator, level, repeats, self.seed
        )
