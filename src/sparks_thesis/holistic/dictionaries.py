"""Scores of dictionaries on activations that they were not fitted on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparks.concepts.bank import Concepts
from sparks.concepts.dictionary import Dictionary, Method, TooFewDimensions
from sparks.concepts.metrics import (
    above_chance,
    dead,
    frechet,
    hoyer,
    out_of_distribution,
    r_squared,
    relative_l2,
    sliced_wasserstein,
    sparsity,
    stability,
    stability_by_chance,
)
from sparks.concepts.sklearn_wrappers import PCA
from sparks.results import MetricRecorder

BEST = "best possible"  # label of the subspace that fits the held-out activations themselves best


@dataclass(frozen=True)
class Judge:
    """Scores dictionaries of one class.

    Attributes:
        folds: dictionaries compared for stability, each without a part of the images and from a
            seed of its own.
        seed: of random lines and of chance.
    """

    folds: int
    seed: int

    def __call__(
        self, target: int, name: str, method: Method, concepts: Concepts, pooled: Tensor
    ) -> dict[str, list[float]]:
        """Return the scores of one dictionary on crops of images that each fold leaves out.

        The crops are those of `concepts`, and `pooled` are their mean activations (M, p). A
        dictionary that these have too few dimensions for has no scores, and a warning says so.
        """
        a, sample_index = pooled, concepts.crops.sample_index
        parts = [sample_index % self.folds == fold for fold in range(self.folds)]
        try:
            learned = [
                replace(method, seed=method.seed + fold).fit(a[~out])
                for fold, out in enumerate(parts)
            ]
        except TooFewDimensions as error:
            warnings.warn(f"no {name} of class {target}: {error}", stacklevel=2)
            return {}
        each = [
            self._scores(dictionary, a[~out], a[out])
            for dictionary, out in zip(learned, parts, strict=True)
        ]
        scores = {metric: [mean_known([s[metric] for s in each])] for metric in each[0]}
        atoms = [dictionary.atoms for dictionary in learned]
        reached = float(stability(atoms).mean())
        chance = float(stability_by_chance(atoms, seed=self.seed).mean())
        scores["Stability"], scores["StabilityChance"] = [reached], [chance]
        scores["StabilityAboveChance"] = [above_chance(reached, chance)]
        return scores

    def best(
        self, target: int, concepts: Concepts, pooled: Tensor, recorder: MetricRecorder
    ) -> None:
        """Record the share of variance that no dictionary of so many dense concepts can exceed.

        The subspace is fitted on the very activations that it is judged on (Eckart & Young 1936).
        """
        found = []
        for fold in range(self.folds):
            held = pooled[concepts.crops.sample_index % self.folds == fold]
            try:
                own = PCA(concepts=concepts.k).fit(held)
            except TooFewDimensions:
                return
            found.append(r_squared(held, own.decode(own.encode(held))))
        known = {"method": BEST, "analysis": "last", "concepts": concepts.k}
        recorder.add({"R2": [mean_known(found)]}, target=target, **known)

    def _scores(self, dictionary: Dictionary, seen: Tensor, held: Tensor) -> dict[str, float]:
        """Return scores on held-out activations (m, p); NaN without any."""
        codes = dictionary.encode(held)
        back = dictionary.decode(codes)
        return {
            "RelativeL2": mean_known(relative_l2(held, back)),
            "R2": r_squared(held, back),
            "Sparsity": float(sparsity(codes).mean()),
            "CodeHoyer": mean_known(hoyer(codes[codes.abs().sum(1) > 0])),
            "RelativeFrechet": frechet(held, back),
            "Wasserstein": sliced_wasserstein(held, back, seed=self.seed),
            "OOD": mean_known(out_of_distribution(seen, held, back)),
            "Active": float((codes.abs() > 0).float().sum(1).mean()),
            "Dead": dead(codes),
            "Iterations": float(dictionary.fit.iterations),
            "Converged": float(dictionary.fit.converged),
        }


def mean_known(values: Tensor | Sequence[float]) -> float:
    """Return the mean of the values that exist; NaN where none does."""
    return float(torch.as_tensor(values).double().nanmean())
