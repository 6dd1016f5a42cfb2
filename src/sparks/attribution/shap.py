"""KernelSHAP: Shapley values by weighted least squares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from math import isqrt
from typing import Self

import torch
from torch import Tensor

from sparks.attribution.black_box import FeatureWise
from sparks.checks import whole
from sparks.engine.inference import Model
from sparks.engine.maskers import Features
from sparks.errors import SparksError

# A share of the samples counts as enough for all coalitions of a size despite rounding.
ENOUGH = 1 - 1e-8


@dataclass(frozen=True, kw_only=True)
class KernelSHAP(FeatureWise):
    """Shapley values of the features (Lundberg & Lee 2017). They sum to f(x) - f(nothing).

    As the authors' package `shap` does: a coalition of s features counts as does its complement of
    d - s, and such pairs of sizes have the share 1 / (s (d - s)) of the weight. From the smallest
    (and largest) sizes on, all coalitions of a size are used while its share of the samples left is
    enough for them; the rest of the samples are drawn from the other sizes, each with its
    complement (Covert & Lee 2021), no coalition twice, and share the weight of these sizes. Where
    there are no more coalitions than `samples`, all are used and the values are exact.

    Attributes:
        samples: n, coalitions besides the full and the empty one; at least 2 (d - 1), as a
            coalition and its complement determine one value.

    Example:
        Shapley values of a linear model are its terms.

        >>> KernelSHAP()(linear, x, target).round(decimals=4)
        tensor([[1., 0., 2.]])
    """

    samples: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 2, "samples")

    def within(self, forwards: int, side: int) -> Self:
        """Take fewer cells where two coalitions for each would not determine their values."""
        samples = forwards - 2  # the full and the empty coalition are scored besides
        # d cells need 2 (d - 1) coalitions.
        grid = min(self.grid, isqrt(samples // 2 + 1), side)
        return replace(self, samples=samples, grid=grid)

    def _explain(
        self, model: Model, x: Tensor, target: Tensor | None, features: Features
    ) -> Tensor:
        masks, weights = self.design(features.d)
        scores = self.score(model, x, target, masks, features)
        where = scores.device
        return features.to_map(self.estimate(masks.to(where), weights.to(where), scores))

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse inputs whose values the samples do not determine; see `BlackBox`."""
        super().check(model, x)
        for d in {features.d for _, features in self.maskers(x)}:
            self.design(d)

    def design(self, d: int) -> tuple[Tensor, Tensor]:
        """Return coalitions (n + 2, d), full and empty ones first, and weights (n,) of the rest.

        Raises:
            SparksError: when the coalitions do not determine the d values.
        """
        if self.samples < 2 * (d - 1):
            raise SparksError(
                f"KernelSHAP: samples={self.samples} do not determine {d} values: take "
                f"{2 * (d - 1)} or more, 2 (d - 1) for d features, or fewer features (grid)"
            )
        coalitions, weights = self._coalitions(d) if d > 1 else (torch.zeros(0, 1), torch.zeros(0))
        if _rank(coalitions) < d - 1:
            raise SparksError(
                f"KernelSHAP: the samples={self.samples} drawn with seed={self.seed} do not "
                f"determine {d} values: take more samples, or another seed"
            )
        ends = torch.stack([torch.ones(d), torch.zeros(d)])
        return torch.cat([ends, coalitions]), weights

    def estimate(self, masks: Tensor, weights: Tensor, scores: Tensor) -> Tensor:
        """Return Shapley values, float64 (N, d), of a design and its scores (N, n + 2)."""
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

    def _coalitions(self, d: int) -> tuple[Tensor, Tensor]:
        """Return coalitions but the full and the empty one, (≤ samples, d), and their weights."""
        # Sizes s and d - s are one pair; the middle size of an even d is its own complement.
        weight = {s: (1 if 2 * s == d else 2) / (s * (d - s)) for s in range(1, d // 2 + 1)}
        rows, weights, left = [], [], self.samples
        for s in list(weight):
            count = math.comb(d, s) * (1 if 2 * s == d else 2)
            if left * weight[s] / sum(weight.values()) < ENOUGH * count:
                break
            chosen = torch.tensor(list(combinations(range(d), s)))
            small = torch.zeros(len(chosen), d).scatter_(1, chosen, 1)
            rows += [small] if 2 * s == d else [small, 1 - small]
            weights.append(torch.full((count,), weight.pop(s) / count, dtype=torch.float64))
            left -= count
        if weight and left:
            drawn, counts = self._drawn(d, weight, left)
            rows.append(drawn)
            weights.append(counts * sum(weight.values()) / counts.sum())
        return torch.cat(rows), torch.cat(weights)

    def _drawn(self, d: int, weight: dict[int, float], left: int) -> tuple[Tensor, Tensor]:
        """Draw `left` different coalitions of the sizes of `weight`, and count each, (left,)."""
        found: dict[bytes, int] = {}
        rows: list[Tensor] = []
        counts: list[int] = []
        # Where size 1 is complete, the values are determined already.
        missing = _Directions(d) if 1 in weight else None
        for drawn in self._draws(d, weight):
            if len(rows) == left:
                break
            key = drawn.numpy().tobytes()
            if key in found:
                counts[found[key]] += 1
                continue
            if missing and not missing.take(drawn, spare=(left - len(rows) + 1) // 2):
                continue
            for one in (drawn, ~drawn)[: left - len(rows)]:
                found[one.numpy().tobytes()] = len(rows)
                rows.append(one)
                counts.append(0)
            counts[found[key]] += 1
        # A draw counts for a coalition and for its complement alike.
        pairs = {i: found.get((~row).numpy().tobytes(), i) for i, row in enumerate(rows)}
        alike = [counts[i] + (counts[j] if j != i else 0) for i, j in pairs.items()]
        return torch.stack(rows).float(), torch.tensor(alike, dtype=torch.float64)

    def _draws(self, d: int, weight: dict[int, float]) -> Iterator[Tensor]:
        """Yield coalitions drawn by size, bool (d,), at most eight a sample."""
        generator = torch.Generator().manual_seed(self.seed)
        sizes, shares = torch.tensor(list(weight)), torch.tensor(list(weight.values()))
        size = sizes[torch.multinomial(shares, 8 * self.samples, True, generator=generator)]
        for s in size.tolist():
            drawn = torch.zeros(d, dtype=torch.bool)
            drawn[torch.randperm(d, generator=generator)[:s]] = True
            yield drawn


class _Directions:
    """Subspace of the d values that the coalitions so far do not determine; their sum is given."""

    def __init__(self, d: int) -> None:
        self.basis = torch.zeros(0, d, dtype=torch.float64)

    def take(self, coalition: Tensor, spare: int) -> bool:
        """Take a coalition, unless it tells nothing new and all of `spare` draws must."""
        new = coalition.double() - coalition.double().mean()
        for _ in range(2):  # twice is enough (Kahan)
            new = new - self.basis.T @ (self.basis @ new)
        size = new.norm()
        if size > 1e-6:
            self.basis = torch.cat([self.basis, (new / size)[None]])
            return True
        return spare > self.basis.shape[1] - 1 - len(self.basis)


def _rank(coalitions: Tensor) -> int:
    """Rank of the regression on coalitions (n, d) whose values have a given sum."""
    if not len(coalitions):
        return 0
    return int(torch.linalg.matrix_rank((coalitions[:, :-1] - coalitions[:, -1:]).double()))
