"""LIME: a linear model of the score near the input."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from sparks.attribution.black_box import FeatureWise, refuse_tied
from sparks.checks import between, whole
from sparks.engine.inference import Model
from sparks.engine.maskers import Features


@dataclass(frozen=True, kw_only=True)
class LIME(FeatureWise):
    """Coefficients of a ridge regression of scores on masks (Ribeiro et al. 2016).

    Masks keep each feature with probability 1/2; the first one keeps all. A mask that keeps a
    share s of the features lies at distance D = 1 - √s (cosine) and weighs exp(-D² / width²)^½,
    as in the authors' code for images.

    Attributes:
        samples: n.
        width: of the kernel.
        penalty: of squared coefficients; the intercept is free.

    Example:
        The ridge penalty shrinks the coefficients of the surrogate.

        >>> LIME(samples=200)(linear, x, target).round(decimals=1).abs()
        tensor([[0.9000, 0.0000, 1.9000]])
    """

    samples: int = 1000
    width: float = 0.25
    penalty: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 2, "samples")
        between(self, 0, math.inf, "width", "penalty")

    def within(self, forwards: int, side: int) -> Self:
        """Draw as many masks as there are passes; see `BlackBox`."""
        return replace(self, samples=forwards)

    def _explain(
        self, model: Model, x: Tensor, target: Tensor | None, features: Features
    ) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        masks = (torch.rand(self.samples, features.d, generator=generator) < 0.5).float()
        masks[0] = 1
        refuse_tied(type(self).__name__, masks)
        scores = self.score(model, x, target, masks, features)
        return features.to_map(self.estimate(masks.to(scores.device), scores))

    def estimate(self, masks: Tensor, scores: Tensor) -> Tensor:
        """Return the coefficients, float64 (N, d), of masks (n, d) and scores (N, n)."""
        z, y = masks.double(), scores.double().T
        distance = 1 - z.mean(1).sqrt()
        weight = (-((distance / self.width) ** 2) / 2).exp()[:, None]
        # A free intercept is the same as centring by weighted means.
        z = z - (weight * z).sum(0) / weight.sum()
        y = y - (weight * y).sum(0) / weight.sum()
        gram = z.T @ (weight * z) + self.penalty * torch.eye(z.shape[1]).to(z)
        coefficients: Tensor = torch.linalg.solve(gram, z.T @ (weight * y)).T
        return coefficients
