"""Accuracy and alignment with people of many small networks, trained alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from sparks.alignment import ClickMaps, alignment
from sparks.attribution.gradient import gradient, in_batches, reduce_channels
from sparks.checks import whole
from sparks.data.human import human_ceiling, marks_of
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.progress import progress
from sparks.results import MetricRecorder
from sparks.training import Settings, fit, predict

# How a gradient's channels become one map, and the share of its pixels that count as highest.
REDUCTION, SHARE = "max-abs", 0.1
# Images that gradients are taken of at a time.
BATCH = 64


class Kind(NamedTuple):
    """A kind of network: how one is built from a seed, and how it is trained."""

    build: Callable[[int], Classifier]
    training: Settings


@dataclass(frozen=True, kw_only=True)
class PopulationStudy:
    """Settings of the study.

    Attributes:
        networks: name → kind.
        maps: people's maps.
        images: training images, the first ones.
        judged: test images whose maps are compared with people's, the first ones.
        seeds: networks of each kind.
        seed: of the first of these.
    """

    networks: Mapping[str, Kind]
    maps: ClickMaps
    images: int
    judged: int
    seeds: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "images", "judged", "seeds")
        whole(self, 0, "seed")

    def run(self, train: ImageSet, tests: Mapping[str, ImageSet], device: str) -> MetricRecorder:
        """Train every network; return its accuracies and its alignment, in units of people's own.

        Args:
            train: images to learn from.
            tests: name → images to measure accuracies on; the first have people's marks.
            device: where to train, as in `sparks.models.resolve_device`.

        Raises:
            SparksError: when the first test images have no marks.
        """
        first = next(iter(tests.values()))
        chosen = torch.arange(min(self.judged, len(first)))
        x, labels = first.batch(chosen), first.labels[chosen]
        marks = marks_of(first)
        if marks is None:
            raise SparksError(
                "population: the data set has no people's marks: name a data set that has some"
            )
        human, sigma = self.maps(first, chosen), self.maps.sigma * first.side
        ceiling = human_ceiling(marks[chosen], first.side, sigma, seed=self.seed).nanmean()
        train = train.subset(range(min(self.images, len(train))))
        recorder = MetricRecorder()
        every = [(name, self.seed + own) for name in self.networks for own in range(self.seeds)]
        for name, seed in progress(every, unit="network", description="population"):
            model = self._trained(name, train, seed, device)
            known = {"architecture": name, "seed": seed}
            for split, images in tests.items():
                right = predict(model, images, device=device).argmax(1) == images.labels
                recorder.add({"Accuracy": [float(right.double().mean())]}, split=split, **known)
            own, other = self._alignment(model, x, labels, human)
            values = {"Alignment": [float(own / ceiling)]}
            values |= {"AlignmentOtherMarks": [float(other / ceiling)]}
            recorder.add(values, reduction=REDUCTION, **known)
        return recorder

    def _trained(self, name: str, train: ImageSet, seed: int, device: str) -> Classifier:
        kind = self.networks[name]
        model = kind.build(seed)
        fit(model, train, None, kind.training, seed, device)
        return model.eval()

    @staticmethod
    def _alignment(
        model: Classifier, x: Tensor, labels: Tensor, human: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the mean rank correlation of gradient maps with people's, () each.

        The second, a control, is that with people's maps of the next image.
        """
        gradients = in_batches(model, x, labels, BATCH, partial(gradient, model))
        maps = reduce_channels(gradients, REDUCTION)
        own, other = (
            alignment(maps, human.roll(shift, 0), SHARE)["Spearman"].nanmean() for shift in (0, 1)
        )
        return own, other
