"""MuFidelity: do the features a map calls important move the score when they are removed?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sparks.checks import between, one_of, whole
from sparks.engine.core import Engine
from sparks.engine.inference import OUTPUTS, Model
from sparks.engine.maskers import Features, cells_of, elements_of
from sparks.engine.outputs import classes_of
from sparks.engine.perturbations import Baseline
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.metrics.maps import asked_of, has_nan, undefined_to_nan
from sparks.protocols import Explanation, Perturbation
from sparks.stats import FORWARD_ROUNDING, constant_rows, pearson, spearman

# Subset memberships held at a time: bounds memory only.
MEMORY = 2**25


@dataclass(frozen=True, kw_only=True)
class MuFidelity:
    """Correlation, over random subsets S, of Σ_S importance and f(x) - f(x without S).

    Bhatt et al. 2020. All subsets have as many features: where sizes differ, larger subsets have
    larger sums and larger drops, and even a constant map scores near 1. A map that is constant says
    nothing about any subset, and has no score.

    Attributes:
        subsets: number of subsets S; subsets + 1 forwards.
        share: |S| / d.
        grid: cells a side that S is made of, at most one per pixel; None for pixels. Vectors have
            their coordinates. Better not the grid of a method: that favours it.
        importance: of a cell: "sum" over its pixels, as Bhatt et al. and xplique have it, or
            "mean". The two agree where the grid divides the side. Elsewhere cells differ by a pixel
            a side, and sums reward that: of a score that is the mean grey value, maps of uniform
            noise reach .38 on 64 pixels in 9 cells by sums, and 0 by means.
        correlation: "spearman" or "pearson".
        baseline: value of a removed feature.
        perturbation: what removing means, if not the baseline.
        output: "logit", or "probability", which the score's name then tells.
        engine: how masked inputs are scored.
        seed: of the subsets, which are each input's own.

    Example:
        The terms of a linear model predict each drop of the logit.

        >>> MuFidelity(subsets=20)(explanation)
        {'MuFidelity': tensor([1.])}
    """

    subsets: int = 200
    share: float = 0.2
    grid: int | None = 9
    importance: str = "mean"
    correlation: str = "spearman"
    baseline: float = 0.0
    perturbation: Perturbation | None = None
    output: str = "logit"
    engine: Engine = field(default_factory=Engine)
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 3, "subsets")  # two differ by a correlation of 1 or -1, whatever the map
        whole(self, 0, "seed")
        if self.grid is not None:
            whole(self, 2, "grid")
        between(self, 0, 1, "share")
        one_of(self, ("sum", "mean"), "importance")
        one_of(self, ("spearman", "pearson"), "correlation")
        one_of(self, OUTPUTS, "output")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the correlation per input, in [-1, 1]; see the package."""
        model, x, target, maps = asked_of(explanation, "MuFidelity")
        classes = classes_of(target, len(x))
        features = self._features(x)
        at_once = max(1, MEMORY // (self.subsets * features.d))
        parts = [slice(i, i + at_once) for i in range(0, len(x), at_once)]
        scored = [
            self._score(model, x[p], None if classes is None else classes[p], maps[p], features)
            for p in parts
        ]
        value, silent, flat = (torch.cat(column) for column in zip(*scored, strict=True))
        name = self._name() + ("" if self.output == "logit" else f" ({self.output})")
        value = undefined_to_nan(value, has_nan(maps).cpu(), name, "their maps hold NaN")
        value = undefined_to_nan(value, silent, name, "their maps are constant")
        return {name: undefined_to_nan(value, flat, name, "no subset moves their scores").float()}

    def _name(self) -> str:
        return "MuFidelity"

    def _features(self, x: Tensor) -> Features:
        if self.grid is None:
            return elements_of(x)
        return cells_of(x, min([self.grid, *x.shape[2:]]))

    def _score(
        self, model: Model, x: Tensor, target: Tensor | None, maps: Tensor, features: Features
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return correlations (N,), constant maps (N,), and scores that no subset changes (N,)."""
        removed = self._subsets(x, features.d)
        whole = torch.zeros(len(x), 1, features.d, dtype=torch.bool)
        design = ~torch.cat([whole, removed], 1)
        remove = self.perturbation or Baseline(self.baseline)
        scores = self.engine.score(model, x, target, design, features, remove, self.output).cpu()
        drops = (scores[:, :1] - scores[:, 1:]).double()
        maps = maps.detach().cpu().double()
        importance = features.sums(maps)
        if self.importance == "mean":
            importance = importance / features.sums(torch.ones_like(maps[:1]))
        sums = torch.einsum("nsd,nd->ns", removed.double(), importance)
        value = self._agreement(sums, drops)
        silent = constant_rows(maps, rounding=FORWARD_ROUNDING)
        silent |= constant_rows(sums, importance.abs().amax(1), FORWARD_ROUNDING)
        return value, silent, constant_rows(drops, scores.abs().amax(1), FORWARD_ROUNDING)

    def _agreement(self, sums: Tensor, drops: Tensor) -> Tensor:
        """Return how well sums of importances predict drops of the score, (N, subsets) → (N,)."""
        return spearman(sums, drops) if self.correlation == "spearman" else pearson(sums, drops)

    def _subsets(self, x: Tensor, d: int) -> Tensor:
        """Draw the features that each subset removes, bool (N, subsets, d).

        Each subset has round(share · d) features.
        """
        size = round(self.share * d)
        if not 0 < size < d:
            raise SparksError(f"a share of {self.share} of {d} features is none or all of them")
        chosen = torch.zeros(len(x), self.subsets, d, dtype=torch.bool)
        for subsets, generator in zip(chosen, generators(x, self.seed), strict=True):
            order = torch.rand(self.subsets, d, generator=generator).argsort(1)
            subsets.scatter_(1, order[:, :size], True)
        return chosen


@dataclass(frozen=True, kw_only=True)
class Infidelity(MuFidelity):
    """Mean squared error of Σ_S importance as a prediction of the drop: lower is better.

    Yeh et al. 2019, with random subsets of features as perturbations. Maps have no common unit, so
    each is scaled by the factor that makes its own error least, as the authors do; and the error is
    divided by the mean squared drop, so that 0 is a perfect prediction, and 1 as good as none.

    Attributes: as those of `MuFidelity`; `correlation` has no effect.

    Example:
        >>> Infidelity(subsets=20)(explanation)["Infidelity"] < 1e-6
        tensor([True])
    """

    def _name(self) -> str:
        return "Infidelity"

    def _agreement(self, sums: Tensor, drops: Tensor) -> Tensor:
        square = (drops**2).mean(1)
        scale = (sums * drops).mean(1) / (sums**2).mean(1)
        return ((scale[:, None] * sums - drops) ** 2).mean(1) / square


@dataclass(frozen=True, kw_only=True)
class SensitivityN(MuFidelity):
    """Mean over sizes of S of the correlation of Σ_S importance and the drop: higher is better.

    Ancona et al. 2018. Pearson's correlation of sums, for sizes that grow geometrically.

    Attributes:
        shares: n / d, of each size.

    Example:
        >>> SensitivityN(subsets=20, shares=(0.4, 0.6))(explanation)
        {'SensitivityN': tensor([1.])}
    """

    shares: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
    importance: str = "sum"
    correlation: str = "pearson"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.shares or not all(0 < share < 1 for share in self.shares):
            raise SparksError(f"SensitivityN: shares {list(self.shares)} are not all in (0, 1)")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the mean correlation per input, in [-1, 1]; see the package."""
        found = [replace(self, share=share)._at_one_size(explanation) for share in self.shares]
        return {name: torch.stack([one[name] for one in found]).mean(0) for name in found[0]}

    def _at_one_size(self, explanation: Explanation) -> dict[str, Tensor]:
        return super().__call__(explanation)

    def _name(self) -> str:
        return "SensitivityN"
