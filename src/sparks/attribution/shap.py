"""KernelSHAP: Shapley values by weighted least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.attribution.black_box import BlackBox
from sparks.engine.domains import cells_of
from sparks.engine.running import Model
from sparks.errors import SparksError


@dataclass(frozen=True, kw_only=True)
class KernelSHAP(BlackBox):
    """Shapley values of the features (Lundberg & Lee 2017). They sum to f(x) - f(nothing).

    Coalitions are drawn in pairs, each with its complement (Covert & Lee 2021). Where there are
    no more coalitions than `samples`, all are used and the values are exact.

    Attributes:
        samples: n, coalitions besides the full and the empty one.
    """

    samples: int = 1000

    def __call__(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        """Maps; see the package."""
        features = cells_of(x, self.grid, resize="nearest")
        masks, weights = self.design(features.d)
        scores = self.score(model, x, target, masks, features)
        where = scores.device
        return features.to_map(self.estimate(masks.to(where), weights.to(where), scores))

    def design(self, d: int) -> tuple[Tensor, Tensor]:
        """Coalitions (n + 2, d), the full and the empty one first, and weights (n,) of the rest."""
        if self.samples < d:
            raise SparksError(f"KernelSHAP needs at least {d} samples for {d} features")
        if d <= 20 and 2**d - 2 <= self.samples:
            coalitions, weights = _every_coalition(d)
        else:
            coalitions = self._drawn(d)
            weights = torch.ones(len(coalitions))
        ends = torch.stack([torch.ones(d), torch.zeros(d)])
        return torch.cat([ends, coalitions]), weights

    def estimate(self, masks: Tensor, weights: Tensor, scores: Tensor) -> Tensor:
        """Shapley values, float64 (N, d), of a design and its scores (N, n + 2)."""
        full, empty, y = scores[:, :1].double(), scores[:, 1:2].double(), scores[:, 2:].double()
        z, w = masks[2:].double(), weights.double()[:, None]
        d = z.shape[1]
        if d == 1:
            return full - empty
        # Sum to `full - empty`: put the last value in terms of the others, then solve for those.
        last = z[:, -1:]
        left = w.sqrt() * (z[:, :-1] - last)
        right = w.sqrt() * ((y - empty).T - last @ (full - empty).T)
        values = torch.linalg.lstsq(
            left, right, driver="gelsd" if left.device.type == "cpu" else None
        )
        others = values.solution.T
        return torch.cat([others, full - empty - others.sum(1, keepdim=True)], 1)

    def _drawn(self, d: int) -> Tensor:
        """Coalitions whose probability is the Shapley kernel, (samples, d)."""
        generator = torch.Generator().manual_seed(self.seed)
        sizes = torch.arange(1, d, dtype=torch.float64)
        pairs = -(-self.samples // 2)
        size = 1 + torch.multinomial(1 / (sizes * (d - sizes)), pairs, True, generator=generator)
        ranks = torch.rand(pairs, d, generator=generator).argsort(1).argsort(1)
        drawn = (ranks < size[:, None]).float()
        return torch.stack([drawn, 1 - drawn], 1).flatten(0, 1)[: self.samples]


def _every_coalition(d: int) -> tuple[Tensor, Tensor]:
    """All coalitions but the full and the empty one, (2ᵈ - 2, d), and their Shapley kernel."""
    numbers = torch.arange(1, 2**d - 1)
    coalitions = ((numbers[:, None] >> torch.arange(d)) & 1).float()
    sizes = coalitions.sum(1).long().tolist()
    kernel = [(d - 1) / (math.comb(d, s) * s * (d - s)) for s in sizes]
    return coalitions, torch.tensor(kernel, dtype=torch.float64)
