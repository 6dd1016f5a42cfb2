"""Evaluation of pictures by other networks and by real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.concepts.layer import Layer
from sparks.concepts.recorder import MetricRecorder
from sparks.data.imageset import ImageSet
from sparks.models.classifier import Classifier
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
        """Take the features of at most so many real images of each set."""
        layer = (*others, own)[0].layer
        known, real = (_features(layer, x, references) for x in (subject.train, subject.test))
        return Evaluators(own, others, known, real, subject.statistics, bootstrap, subject.test)

    @property
    def features(self) -> Layer:
        """Layer whose mean activations serve as features."""
        return (*self.others, self.own)[0].layer

    def natural(self, count: int, recorder: MetricRecorder) -> None:
        """Score real images as if they were pictures, `count` of them where the number matters."""
        units = range(len(self.real))
        recorder.add({"Plausibility": plausibility(self.known, self.real, self.real)}, units,
                    NATURAL, "logit")  # fmt: skip
        self._distance(NATURAL, "logit", self.known[:count], recorder)
        for evaluator in (self.own, *self.others):
            device = next(evaluator.model.parameters()).device
            share = accuracy(evaluator.model, self.test, device=device)
            recorder.add({"Transferability": [share]}, [0], NATURAL, "logit", evaluator.name)
        images = self.test.batch(range(min(len(self.test), 256)))
        self.spectrum(NATURAL, "logit", images, recorder)

    def likeness(self, name: str, kind: str, views: Tensor, recorder: MetricRecorder) -> None:
        """Score how similar pictures are to real images, in a network's features.

        Args:
            name: of the method.
            kind: of the pictures, the variant of the rows.
            views: of n pictures at the size of the networks' input, (v, n, C, h, w).
            recorder: takes the scores: plausibility is a mean over views, FID is of the first ones.
        """
        features = self.features.pooled(views.flatten(0, 1))
        scores = plausibility(self.known, self.real, features).view(views.shape[:2]).mean(0)
        recorder.add({"Plausibility": scores}, range(len(scores)), name, kind)
        if kind.startswith("logit"):
            self._distance(name, kind, features[: len(scores)], recorder)

    def classes(
        self, name: str, kind: str, views: Tensor, classes: Tensor, recorder: MetricRecorder
    ) -> None:
        """Record, for each network, the share of a picture's views classified as intended."""
        models = {evaluator.name: evaluator.model for evaluator in (self.own, *self.others)}
        every, size = classes.repeat(len(views)), self.statistics.size
        found = transferability(models, views.flatten(0, 1), every, size)
        for evaluator, right in found.items():
            share = right.view(views.shape[:2]).mean(0)
            recorder.add({"Transferability": share}, range(len(share)), name, kind, evaluator)

    @staticmethod
    def power(images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the frequencies, and the mean radial power of pictures."""
        frequencies, power = radial_power(images)
        return frequencies, power.mean(0)

    def _distance(self, name: str, kind: str, features: Tensor, recorder: MetricRecorder) -> None:
        """Record the Fréchet distance of all pictures, and of resamples shared by all methods."""
        if len(features) < 2:
            return
        recorder.add({"FID": [fid(self.real, features)]}, [0], name, kind)
        draws = self.bootstrap.draws(len(features))
        resampled = [fid(self.real, features[torch.from_numpy(which)]) for which in draws]
        recorder.add({"FID resampled": resampled}, range(len(resampled)), name, kind)

    def spectrum(self, name: str, kind: str, images: Tensor, recorder: MetricRecorder) -> None:
        """Score the power spectrum of pictures, at their own size, against the data set's."""
        scores = {
            "SpectrumDistance": spectrum_distance(images, self.statistics),
            "HighFrequencyShare": high_frequency_share(images),
            "MagnitudeError": magnitude_error(images, self.statistics),
        }
        recorder.add(scores, range(len(images)), name, kind)


def _features(layer: Layer, images: ImageSet, most: int) -> Tensor:
    some = images.subset(slice(0, most)) if len(images) > most else images
    return torch.cat([layer.pooled(x) for x, _ in some.batches(256)])
