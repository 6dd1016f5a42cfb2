"""The network whose features are drawn, and what the figures show of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sparks.concepts.bank import Concepts
from sparks.concepts.layer import Layer
from sparks.data.imageset import ImageSet
from sparks.models.classifier import Classifier
from sparks.training.predict import predict
from sparks.visualization.optimise import Pictures, stretched, transparency
from sparks.visualization.spectrum import ImageStatistics

# Test images, at most, among which examples are looked for, or that an observer is asked about.
QUERIES = 1000


@dataclass(frozen=True, eq=False)
class Subject:
    """The model whose features are drawn, and images.

    Attributes:
        model: in evaluation mode.
        layer: where channels and concepts are.
        train: images it was trained on.
        test: other images.
        statistics: of the training images.
    """

    model: Classifier
    layer: Layer
    train: ImageSet
    test: ImageSet
    statistics: ImageStatistics

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.statistics.size

    def predicted(self, images: ImageSet) -> Tensor:
        """Return the logits of images (N, classes)."""
        return predict(self.model, images, device=next(self.model.parameters()).device)

    @cached_property
    def queries(self) -> Tensor:
        """The first test images, (N, C, h, w)."""
        return self.test.batch(range(min(len(self.test), QUERIES)))

    @cached_property
    def responses(self) -> Tensor:
        """Mean activations of all channels to these images, (N, p)."""
        return self.layer.pooled(self.queries)

    def channels(self, count: int) -> list[int]:
        """Return the channels that respond to test images at all, the same distance apart."""
        alive = (self.responses.std(0) > 0).nonzero()[:, 0]
        steps = torch.linspace(0, len(alive) - 1, min(count, len(alive)))
        return [int(c) for c in alive[steps.long()]]

    def one_of_each(self, count: int) -> Tensor:
        """Return the first test image of each of the first `count` classes."""
        labels, classes = self.test.labels, range(len(self.test.classes))
        return self.test.batch([int((labels == c).int().argmax()) for c in classes[:count]])


@dataclass(frozen=True, eq=False)
class Display:
    """Pictures for the figures: of the first classes, some channels, the most common concepts.

    Attributes:
        subject: the network.
        channels: numbers of the channels in the figures.
        concepts: of one class.
        images: of that class, that the concepts were fitted on.
        target: number of that class.
        count: number of pictures of each kind.
    """

    subject: Subject
    channels: Sequence[int]
    concepts: Concepts
    images: Tensor
    target: int
    count: int

    def metadata(self) -> dict[str, Any]:
        """Return the classes, channels, concepts and the layer of the pictures, by name."""
        names = self.subject.test.classes
        return {
            "classes": list(names[: self.count]),
            "channels": list(self.channels),
            "concept_class": names[self.target],
            "concepts": self._commonest(),
            "layer": self.subject.layer.name,
        }

    def examples(self) -> dict[str, Tensor]:
        """Return real images that respond most: "KIND.example" (n, C, h, w)."""
        given = self.subject.predicted(self.subject.test)[:, : self.count]
        queries = self.subject.queries
        responses = self.subject.responses[:, list(self.channels)]
        crops = [self.concepts.top(concept, 1).cut(self.images) for concept in self._commonest()]
        return {
            "logit.example": self.subject.test.batch(given.argmax(0)),
            "channel.example": queries[responses.argmax(0)],
            "concept.example": torch.cat(crops),
        }

    def pictures(self, kind: str, name: str, made: Pictures) -> dict[str, Tensor]:
        """Return pictures of one kind by one method, stretched, and how opaque they are."""
        few = {"concept": self._commonest(), "inversion": list(range(len(made.images)))}
        shown = few.get(kind, list(range(min(self.count, len(made.images)))))
        return {
            f"{kind}.{name}": stretched(made.images[shown]),
            f"{kind}.{name}.alpha": transparency(made.alpha[shown]),
        }

    def _commonest(self) -> list[int]:
        """Return the concepts with the largest mean code over crops, in units of their maximum."""
        codes = self.concepts.codes
        share = codes.mean(0) / codes.amax(0).clamp(min=1e-12)
        return [int(c) for c in share.argsort(descending=True, stable=True)[: self.count]]


def curve(name: str, frequencies: Tensor, power: Tensor) -> dict[str, Tensor]:
    """Return a radial power as two arrays, under the name of its source."""
    return {f"frequencies.{name}": frequencies.double(), f"power.{name}": power.double()}
