"""Alignment of a network with people, and its reliance on the background.

Measured are accuracies on each set of test images, the alignment of gradient maps with people's
maps (Fel et al., arXiv 2211.04533), and accuracy where only the pixels that people find important
are revealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.alignment import ClickMaps, alignment, revealed
from sparks.alignment.harmonizer import visible_energy
from sparks.attribution.gradient import gradient, in_batches, reduce_channels
from sparks.checks import between, whole
from sparks.data.human import human_ceiling, marks_of
from sparks.data.imageset import ImageSet
from sparks.models.classifier import Classifier
from sparks.results import MetricRecorder
from sparks.training.predict import predict

# Images that gradients are taken of at a time.
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class AlignmentStudy:
    """Settings of the study.

    Attributes:
        maps: gives people's maps (B, H, W) of some images of a set, by their numbers.
        images: test images, the first ones.
        share: of the pixels that Dice and IoU call highest, in (0, 1).
        reductions: how a gradient's channels become one map; see `reduce_channels`.
        shown: shares of the pixels revealed, in [0, 1].
        baseline: value of the pixels that are not revealed.
        kept: images whose maps figures may show.
        seed: of the halves of people that the ceiling compares.
    """

    maps: Callable[[ImageSet, Tensor], Tensor]
    images: int
    share: float
    reductions: Sequence[str]
    shown: Sequence[float]
    baseline: float
    kept: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "images")
        whole(self, 0, "kept", "seed")
        between(self, 0, 1, "share")

    def run(
        self, model: Classifier, test: ImageSet, others: Mapping[str, ImageSet]
    ) -> tuple[MetricRecorder, dict[str, Tensor]]:
        """Measure a network.

        Args:
            model: in evaluation mode.
            test: images with people's marks.
            others: name → other test images, on which only the accuracy is measured.

        Returns:
            The numbers; and of the first images "images" (n, C, H, W), their "labels" (n,),
            people's maps "human" (n, H, W) and the gradient maps "saliency" (n, H, W).
        """
        recorder = MetricRecorder()
        device = next(model.parameters()).device
        for name, images in others.items():
            right = predict(model, images, device=device).argmax(1) == images.labels
            recorder.add_images({"Accuracy": right.double()}, split=name)
        chosen = torch.arange(min(self.images, len(test)))
        x, labels = test.batch(chosen), test.labels[chosen]
        human = self.maps(test, chosen)
        gradients = in_batches(
            model, x, labels, BATCH, lambda part, target: gradient(model, part, target)
        )
        recorder.add_images({"VisibleEnergy": visible_energy(gradients)}, method="Saliency")
        for name in self.reductions:
            maps = reduce_channels(gradients, name)
            scores = alignment(maps, human, self.share)
            if len(maps) > 1:  # a control: people's marks on the next image
                aside = alignment(maps, human.roll(1, 0), self.share)
                scores["SpearmanOtherMarks"] = aside["Spearman"]
            recorder.add_images(scores, reduction=name, method="Saliency")
        self._ceiling(test, chosen, recorder)
        right = revealed(model, x, labels, human, self.shown, self.baseline)
        for column, share in enumerate(self.shown):
            recorder.add_images({"RevealedAccuracy": right[:, column]}, revealed=share)
        few = slice(0, self.kept)
        kept = {"images": x[few], "human": human[few], "labels": labels[few]}
        kept["saliency"] = reduce_channels(gradients, self.reductions[0])[few]
        return recorder, kept

    def _ceiling(self, test: ImageSet, chosen: Tensor, recorder: MetricRecorder) -> None:
        """Record how well people agree, where the set knows the marks that the maps are made of."""
        marks = marks_of(test)
        if marks is not None and isinstance(self.maps, ClickMaps):
            sigma = self.maps.sigma * test.side
            ceiling = human_ceiling(marks[chosen], test.side, sigma, seed=self.seed)
            recorder.add_images({"HumanCeiling": ceiling})
