"""Evaluation of pictures by other networks and by real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.concepts.layer import Layer
from sparks.data.imageset import ImageSet
from sparks.models.classifier import Classifier
from sparks.results import MetricRecorder
from sparks.stats import Bootstrap
from sparks.training.predict import accuracy
from sparks.visualization.scores import fid, plausibility, transferability
from sparks.visualization.spectrum import (
    ImageStatistics,
    high_frequency_share,
    magnitude_error,
    radial_power,
    spectrum_distance,
)
from sparks.visualization.subject import Subject

# Label of real images in the column of methods.
NATURAL = "natural images"


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A network, and the layer whose mean activations are its features."""

    name: str
    model: Classifier
    layer: Layer


@dataclass(frozen=True, eq=False)
class Evaluators:
    """The networks that score pictures, and the real images that pictures are compared with.

    Features are those of a network that the pictures were not made for, where there is one: the
    one they were made for can be fooled by them, which is how they are made.

    Attributes:
        own: the network that the pictures are made for.
        others: networks that the pictures were not made for.
        known: features of training images, (N, p).
        real: features of test images, (M, p).
        statistics: of the training images.
        bootstrap: of the Fréchet distance, over pictures.
        test: test images.
    """

    own: Evaluator
    others: Sequence[Evaluator]
    known: Tensor
    real: Tensor
    statistics: ImageStatistics
    bootstrap: Bootstrap
    test: ImageSet

    @staticmethod
    def of(
        subject: Subject,
        own: Evaluator,
        others: Sequence[Evaluator],
        references: int,
        bootstrap: Bootstrap,
    ) -> Evaluators:
        """Compute the features of real images, at most `references` of each set."""
        layer = (*others, own)[0].layer
        known, real = (_features(layer, x, references) for x in (subject.train, subject.test))
        return Evaluators(own, others, known, real, subject.statistics, bootstrap, subject.test)

    @property
    def features(self) -> Layer:
        """Layer whose mean activations serve as features."""
        return (*self.others, self.own)[0].layer

    def natural(self, count: int, recorder: MetricRecorder) -> None:
        """Score real images as if they were pictures, `count` of them where the number matters."""
        known = {"method": NATURAL, "objective": "logit"}
        scores = plausibility(self.known, self.real, self.real)
        recorder.add({"Plausibility": scores}, picture=range(len(scores)), **known)
        self._distance(NATURAL, "", self.known[:count], recorder)
        for evaluator in (self.own, *self.others):
            device = next(evaluator.model.parameters()).device
            share = accuracy(evaluator.model, self.test, device=device)
            recorder.add({"Transferability": [share]}, evaluator=evaluator.name, **known)
        images = self.test.batch(range(min(len(self.test), 256)))
        self.spectrum(NATURAL, "logit", images, recorder)

    def likeness(
        self, name: str, objective: str, seen: str, views: Tensor, recorder: MetricRecorder
    ) -> None:
        """Score how similar pictures are to real images, in a network's features.

        Args:
            name: of the method.
            objective: of the pictures.
            seen: which part of them is scored, the column `view`.
            views: of n pictures at the size of the networks' input, (v, n, C, h, w).
            recorder: takes the scores: plausibility is a mean over views, FID is of the first ones.
        """
        features = self.features.pooled(views.flatten(0, 1))
        scores = plausibility(self.known, self.real, features).view(views.shape[:2]).mean(0)
        known = {"method": name, "objective": objective, "view": seen}
        recorder.add({"Plausibility": scores}, picture=range(len(scores)), **known)
        if objective == "logit":
            self._distance(name, seen, features[: len(scores)], recorder)

    def classes(
        self, name: str, seen: str, views: Tensor, classes: Tensor, recorder: MetricRecorder
    ) -> None:
        """Record, for each network, the share of a picture's views classified as intended."""
        models = {evaluator.name: evaluator.model for evaluator in (self.own, *self.others)}
        every, size = classes.repeat(len(views)), self.statistics.size
        found = transferability(models, views.flatten(0, 1), every, size)
        for evaluator, right in found.items():
            share = right.view(views.shape[:2]).mean(0)
            known = {"method": name, "objective": "logit", "view": seen, "evaluator": evaluator}
            recorder.add({"Transferability": share}, picture=range(len(share)), **known)

    @staticmethod
    def power(images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the frequencies, and the mean radial power of pictures."""
        frequencies, power = radial_power(images)
        return frequencies, power.mean(0)

    def _distance(self, name: str, seen: str, features: Tensor, recorder: MetricRecorder) -> None:
        """Record the Fréchet distance of all pictures, and of resamples shared by all methods."""
        if len(features) < 2:
            return
        known = {"method": name, "objective": "logit", "view": seen}
        recorder.add({"FID": [fid(self.real, features)]}, **known)
        draws = self.bootstrap.draws(len(features))
        resampled = [fid(self.real, features[torch.from_numpy(which)]) for which in draws]
        recorder.add({"FID resampled": resampled}, repeat=range(len(resampled)), **known)

    def spectrum(self, name: str, objective: str, images: Tensor, recorder: MetricRecorder) -> None:
        """Score the power spectrum of pictures, at their own size, against the data set's."""
        scores = {
            "SpectrumDistance": spectrum_distance(images, self.statistics),
            "HighFrequencyShare": high_frequency_share(images),
            "MagnitudeError": magnitude_error(images, self.statistics),
        }
        recorder.add(scores, picture=range(len(images)), method=name, objective=objective)


def _features(layer: Layer, images: ImageSet, most: int) -> Tensor:
    some = images.subset(slice(0, most)) if len(images) > most else images
    return torch.cat([layer.pooled(x) for x, _ in some.batches(256)])
