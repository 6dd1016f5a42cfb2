"""Networks retrained without one fold of the images each, on labels of which some are wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sparks.checks import between, whole
from sparks.data.imageset import ImageSet
from sparks.models.classifier import Classifier
from sparks.stability.folds import add_label_noise, stratified_folds
from sparks.training import (
    History,
    Loss,
    Settings,
    accuracy,
    derive,
    fit,
    fit_ensemble,
    vectorisation_blocker,
)

# The images held out are for explanations: they choose no epoch.
ALONE: dict[str, Any] = {"validation": 0.0, "keep": "last", "patience": None}


@dataclass(frozen=True, kw_only=True)
class FoldTraining:
    """Settings of the trainings.

    Attributes:
        build: gives a network of seeded initial weights.
        training: of each.
        loss: None for cross-entropy.
        folds: k.
        percent: of the labels that are wrong.
        together: whether all folds are trained in the same steps, where that can be.
        seed: of the folds and the wrong labels; those of networks are derived from it.
        device: where to train, as in `sparks.models.resolve_device`.
    """

    build: Callable[[int], Classifier]
    training: Settings
    loss: Loss | None
    folds: int
    percent: int
    together: bool
    seed: int
    device: str

    def __post_init__(self) -> None:
        whole(self, 2, "folds")
        whole(self, 0, "seed")
        between(self, 0, 100, "percent", ends=True)

    def run(
        self, images: ImageSet, checkpoints: Sequence[Path], **names: str
    ) -> tuple[list[Classifier], pd.DataFrame]:
        """Train a network a fold.

        Args:
            images: with their true labels.
            checkpoints: a file for each fold, from which a training that was killed goes on.
            names: column → content that is the same in all rows of the histories.

        Returns:
            The networks; and their histories, with columns percent, seed, fold, epoch, "accuracy"
            on the images of the fold, in [0, 1], and their number, "images".
        """
        folds = stratified_folds(images.labels, self.folds, self.seed)
        # Networks learn from the noisy labels; whether they are right is asked of the true ones.
        share, classes = self.percent / 100, len(images.classes)
        noisy = replace(images, labels=add_label_noise(images.labels, share, classes, self.seed))
        trains = [noisy.subset((folds != fold).nonzero().flatten()) for fold in range(self.folds)]
        seeds = [derive(self.seed, fold) for fold in range(self.folds)]
        models = [self.build(seed) for seed in seeds]
        tables = []
        for fold, history in enumerate(self._train(models, trains, seeds, checkpoints)):
            held_out = images.subset((folds == fold).nonzero().flatten())
            right = accuracy(models[fold], held_out, device=self.device)
            known: dict[str, Any] = {
                **names,
                "percent": self.percent,
                "seed": self.seed,
                "fold": fold,
            }
            table = pd.DataFrame(history.epochs).assign(**known)
            epoch = range(1, len(table) + 1)
            tables.append(table.assign(epoch=epoch, accuracy=right, images=len(held_out)))
        return models, pd.concat(tables, ignore_index=True)

    def _train(
        self, models: Sequence[Classifier], trains: Sequence[ImageSet], seeds: Sequence[int],
        checkpoints: Sequence[Path],
    ) -> list[History]:  # fmt: skip
        """Train the networks in place, together where that can be."""
        settings = replace(self.training, **ALONE)
        apart: str | None = "studies.stability.together is false"
        if self.together:
            apart = vectorisation_blocker(models, trains, settings, self.device, self.loss)
        if apart is None:
            return fit_ensemble(
                models, trains, settings, seeds, self.device, checkpoints[0], "folds"
            )
        print(f"Folds are trained one after the other: {apart}.", flush=True)
        each = zip(models, trains, seeds, checkpoints, strict=True)
        return [
            fit(model, train, None, settings, seed, self.device, path, f"fold {fold}", self.loss)
            for fold, (model, train, seed, path) in enumerate(each, 1)
        ]
