"""Overcomplete dictionaries: sparsity against reconstruction, stability, and atoms never used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torch import Tensor

from sparks.checks import whole
from sparks.concepts.dictionary import Dictionary, Method
from sparks.concepts.layer import Layer
from sparks.concepts.metrics import (
    dead,
    matched_correlation,
    r_squared,
    stability,
    stability_by_chance,
)
from sparks.concepts.nmf import NonNegative
from sparks.concepts.pursuit import pursuit
from sparks.concepts.sae import SAE
from sparks.concepts.sklearn_wrappers import PCA, KMeans
from sparks.errors import SparksError
from sparks.progress import progress
from sparks.results import MetricRecorder

PENALISED = ("relu", "gated")  # autoencoders that are as sparse as a penalty makes them
SHUFFLES = 5  # of atoms and codes, for what agrees by chance


@dataclass(frozen=True, kw_only=True)
class FrontsStudy:
    """Settings of the comparison.

    Attributes:
        dictionaries: name → dictionary; None leaves one out.
        levels: numbers of active concepts that are asked for.
        penalties: of the L1 norm of codes, for autoencoders that have one, one for each level.
        images: training images, and half as many test images.
        places: of each image, at random.
        fits: of each dictionary, from seeds of their own.
        seed: of places and fits.
    """

    dictionaries: Mapping[str, Method | None]
    levels: Sequence[int] = (1, 3, 8)
    penalties: Sequence[float] = (0.5, 0.1, 0.02)
    images: int = 400
    places: int = 5
    fits: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 2, "images", "fits")
        whole(self, 1, "places")
        whole(self, 0, "seed")
        if len(self.levels) != len(self.penalties) or not self.levels or min(self.levels) < 1:
            raise SparksError(
                f"FrontsStudy: levels={list(self.levels)}, penalties={list(self.penalties)}: give "
                "a penalty for each level of 1 or more concepts"
            )

    def run(self, layers: Sequence[Layer], train: Tensor, test: Tensor) -> MetricRecorder:
        """Fit and judge every dictionary.

        Args:
            layers: the same layer of networks that differ in their seed; the first one is judged,
                and the others say how far dictionaries agree between networks.
            train: images that dictionaries are fitted on, (N, C, H, W).
            test: other images.
        """
        recorder = MetricRecorder()
        train, test = train[: self.images], test[: self.images // 2]
        known = [layer.at_places(train, self.places, self.seed) for layer in layers]
        held = [layer.at_places(test, self.places, self.seed) for layer in layers]
        used = {name: m for name, m in self.dictionaries.items() if m is not None}
        for name, method in progress(used.items(), unit="kind", description="fronts"):
            before: Method | None = None
            fitted: list[Dictionary] = []
            for level, asked in self._asked(method, layers[0].channels):
                if asked != before:
                    seeds = range(self.seed, self.seed + self.fits)
                    fitted = [replace(asked, seed=seed).fit(known[0]) for seed in seeds]
                    before = asked
                columns = {"method": name, "concepts": asked.concepts, "amount": level}
                codes = [self._codes(dictionary, held[0], level) for dictionary in fitted]
                for fit, (dictionary, code) in enumerate(zip(fitted, codes, strict=True)):
                    values = {
                        "R2": [r_squared(held[0], dictionary.decode(code))],
                        "Active": [float((code != 0).sum(1).double().mean())],
                        "Dead": [dead(code)],
                    }
                    recorder.add(values, repeat=fit, **columns)
                atoms = [dictionary.atoms for dictionary in fitted]
                self._between_seeds(atoms, columns, recorder)
                if level == self.levels[len(self.levels) // 2] or len(self.levels) == 1:
                    others = [
                        self._codes(asked.fit(a), h, level)
                        for a, h in zip(known[1:], held[1:], strict=True)
                    ]
                    self._between_networks(codes[0], others, columns, recorder)
        return recorder

    def _asked(self, method: Method, channels: int) -> Iterator[tuple[int, Method]]:
        """Yield the settings by which a dictionary is asked for each level of sparsity."""
        for level, penalty in zip(self.levels, self.penalties, strict=True):
            if isinstance(method, SAE):
                own = penalty if method.kind in PENALISED else method.penalty
                yield level, replace(method, active=level, penalty=own)
            elif isinstance(method, PCA):
                # It has no more concepts than channels, and all of them are active.
                yield level, replace(method, concepts=min(level, channels))
            elif isinstance(method, KMeans):
                if level == self.levels[len(self.levels) // 2]:
                    yield level, method  # one concept of each code is active, whatever is asked
            else:
                yield level, method

    @staticmethod
    def _codes(dictionary: Dictionary, a: Tensor, level: int) -> Tensor:
        """Return codes (n, k), by matching pursuit where a dictionary has no encoder."""
        if isinstance(dictionary, NonNegative):
            return pursuit(a, dictionary.atoms, level)
        return dictionary.encode(a)

    def _between_seeds(
        self, atoms: Sequence[Tensor], columns: Mapping[str, object], recorder: MetricRecorder
    ) -> None:
        values = {
            "Stability": stability(atoms),
            "StabilityChance": stability_by_chance(atoms, SHUFFLES, self.seed)
            .view(SHUFFLES, -1)
            .mean(0),
        }
        recorder.add(values, repeat=range(len(list(combinations(atoms, 2)))), **columns)

    def _between_networks(
        self,
        own: Tensor,
        others: Sequence[Tensor],
        columns: Mapping[str, object],
        recorder: MetricRecorder,
    ) -> None:
        """Record how well codes of the same places agree between networks, and by chance.

        Activations of two networks have no axis in common, so that codes are compared: concepts
        matched one to one by the correlation of their codes.
        """
        generator = torch.Generator().manual_seed(self.seed)
        for number, other in enumerate(others):
            chance = [
                matched_correlation(own, other[torch.randperm(len(other), generator=generator)])
                for _ in range(SHUFFLES)
            ]
            values = {
                "NetworkAgreement": [matched_correlation(own, other)],
                "NetworkAgreementChance": [sum(chance) / SHUFFLES],
            }
            recorder.add(values, repeat=number, **columns)
