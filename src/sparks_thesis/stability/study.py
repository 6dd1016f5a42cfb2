"""Explanations of images by the networks of every fold and condition, compared in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from sparks.checks import one_of, whole
from sparks.data.imageset import ImageSet
from sparks.models.classifier import Classifier
from sparks.progress import progress
from sparks.protocols import AttributionMethod, Metric
from sparks.stability.compare import chosen_images, compare
from sparks.stability.distances import Distances
from sparks.stability.folds import randomise_weights, stratified_folds
from sparks.training import derive
from sparks_thesis.stability.rows import LABELS, SAME, WEIGHTS, pair_rows, stacked


class Condition(NamedTuple):
    """The networks of a condition, one a fold, and columns that say what was degraded in them."""

    degradation: Mapping[str, Any]
    models: Sequence[Classifier]


@dataclass(frozen=True, kw_only=True)
class StabilityStudy:
    """Settings of the study.

    Attributes:
        method: attribution method.
        folds: k, one network each.
        label_noise: shares of wrong training labels, in percent, besides 0.
        randomised: shares of the weights of every convolution that get noise, in percent.
        noise: its standard deviation, in units of that of each layer's weights.
        common_seed: whether all networks are explained with the same random numbers.
        images: training images explained, equally many of each fold.
        target: "label" (the true class is explained) or "predicted" (each network's own).
        distances: between maps.
        metrics: name → score of the maps of images that a network has not seen.
        seed: of the folds, the images and the noise.
    """

    method: AttributionMethod
    folds: int
    label_noise: Sequence[int]
    randomised: Sequence[int]
    noise: float
    common_seed: bool
    images: int
    target: str
    distances: Distances
    metrics: Mapping[str, Metric]
    seed: int

    def __post_init__(self) -> None:
        whole(self, 2, "folds")
        whole(self, 1, "images")
        whole(self, 0, "seed")
        one_of(self, ("label", "predicted"), "target")

    @property
    def methods(self) -> list[AttributionMethod]:
        """The method once a network, each with a seed of its own as in separate runs."""
        method: Any = self.method
        seeded = hasattr(method, "seed") and is_dataclass(method)
        if self.common_seed or not seeded:
            return [method] * self.folds
        return [replace(method, seed=method.seed + fold) for fold in range(self.folds)]

    def run(
        self,
        images: ImageSet,
        load: Callable[[int], Iterator[Classifier]],
        rows: Callable[[int], slice] = lambda n: slice(0, n),
        **names: str,
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Explain images by the networks of every condition, and compare their maps.

        Args:
            images: the training images.
            load: gives the networks of all folds that were trained on labels of which so many
                percent are wrong, in evaluation mode; called again where they are needed again.
            rows: which of the n images of each fold are explained, those of a shard.
            names: column → content that is the same in all rows.

        Returns:
            The distances of every pair of maps, and the metrics of the maps of unseen images, as
            `sparks_thesis.stability.rows.pair_rows` lays them out.
        """
        folds = stratified_folds(images.labels, self.folds, self.seed)
        chosen = chosen_images(images.labels, folds, self.images, self.seed)
        mine = [chosen[folds[chosen] == fold] for fold in range(self.folds)]
        chosen = torch.cat([part[rows(len(part))] for part in mine])
        tables = []
        total = self.count() * len(chosen)
        with progress(total=total, unit="image", description="compare") as bar:
            for degradation, models in self.conditions(load):
                compared = self._compare(degradation, models, images, folds, chosen)
                made = pair_rows(_counted(compared, bar))
                tables.append([table.assign(**names, **degradation) for table in made])
        pairs, metrics = map(stacked, zip(*tables, strict=True))
        return pairs, metrics

    def _compare(
        self, degradation: Mapping[str, Any], models: Sequence[Classifier], images: ImageSet,
        folds: Tensor, chosen: Tensor,
    ) -> Iterator[Any]:  # fmt: skip
        scored = list(self.metrics.values()) if degradation["degradation"] != SAME else []
        return compare(
            models, self.methods, images, folds, chosen, self.distances, scored, self.target
        )

    @property
    def draws(self) -> bool:
        """True where each network is explained with random numbers of its own."""
        return self.methods[0] != self.methods[-1]

    def count(self) -> int:
        """Return the number of conditions."""
        return 1 + len(self.label_noise) + len(self.randomised) + self.draws

    def conditions(self, load: Callable[[int], Iterator[Classifier]]) -> Iterator[Condition]:
        """Make the networks of one condition after the other.

        Where the method draws random numbers, one network alone comes last, in place of all: what
        of the distances is noise of the method.
        """
        for percent in [0, *self.label_noise]:
            degradation = {"degradation": LABELS if percent else "", "percent": percent}
            yield Condition(degradation, list(load(percent)))
        for percent in self.randomised:
            models = list(load(0))
            for fold, model in enumerate(models):
                randomise_weights(model, percent / 100, self.noise, derive(self.seed, fold))
            yield Condition({"degradation": WEIGHTS, "percent": percent}, models)
        if self.draws:
            one = next(load(0))
            yield Condition({"degradation": SAME, "percent": 0}, [one] * self.folds)


def _counted(shards: Iterator[Any], bar: Any) -> Iterator[Any]:
    for shard in shards:
        yield shard
        bar.update(len(shard.image))
