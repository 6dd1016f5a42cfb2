"""Agreement of attribution maps with where real people looked, clicked or drew.

Beside them stand two controls that know no network, a Gaussian at the centre of every image and
people's maps of the other images, and two ceilings of how well people agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from sparks.alignment import alignment
from sparks.checks import between, whole
from sparks.data.human import centre_map, human_ceiling, human_maps, marks_of, one_person_ceiling
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.progress import progress
from sparks.protocols import AttributionMethod
from sparks.results import MetricRecorder

# What is compared with people beside methods, and knows neither network nor image.
CENTRE, OTHERS = "Centre", "Other images"


@dataclass(frozen=True, kw_only=True)
class PeopleStudy:
    """Settings of the study.

    Attributes:
        methods: label → attribution method.
        sigma: standard deviation of the Gaussian around each mark, in sides of the image.
        splits: of the people into halves, for their ceiling.
        share: of the pixels that Dice and IoU call highest, in (0, 1).
        kept: images whose maps figures may show.
        seed: of the halves.
    """

    methods: Mapping[str, AttributionMethod]
    sigma: float
    splits: int
    share: float
    kept: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "splits")
        whole(self, 0, "kept", "seed")
        between(self, 0, 1, "share")

    def run(
        self, model: Classifier, images: ImageSet, target: Tensor
    ) -> tuple[MetricRecorder, dict[str, Tensor]]:
        """Compare the maps of every method with people's.

        Metrics are those of `sparks.alignment.alignment`: of maps as the methods give them,
        smoothed as people's maps are (change "blur", amount in pixels), and of their magnitudes
        smoothed so.

        Args:
            model: in evaluation mode.
            images: with people's marks.
            target: class explained of each image, int64 (N,).

        Returns:
            The numbers; and of the first images "images" (n, C, H, W), "labels" (n,), which are
            the classes explained, "human" (n, H, W), and of each method and control "map.LABEL"
            (n, H, W).

        Raises:
            SparksError: when the images have no marks.
        """
        marks = marks_of(images)
        if marks is None:
            raise SparksError(
                "the data set knows no marks of people: experiments.people.datasets takes data "
                "sets of sparks.data.MarkedImages, and chimera"
            )
        x, side = images.batch(slice(None)), images.side
        sigma = self.sigma * side
        human = human_maps(marks, side, sigma)
        maps, recorder = {}, MetricRecorder()
        for label, method in progress(list(self.methods.items()), unit="method",
                                      description="explain"):  # fmt: skip
            maps[label] = method(model, x, target).float().cpu()
            self._compare(label, maps[label], human, recorder)
            self._compare_smoothed(label, maps[label], human, sigma, recorder)
        for label, control in controls(human).items():
            maps[label] = control
            self._compare(label, control, human, recorder)
        halves = human_ceiling(marks, side, sigma, self.splits, self.seed)
        one = one_person_ceiling(marks, side, sigma)
        recorder.add_images({"HumanCeiling": halves, "OnePersonCeiling": one})
        few = slice(0, self.kept)
        kept = {"images": x[few], "labels": target[few], "human": human[few]}
        return recorder, kept | {f"map.{label}": made[few] for label, made in maps.items()}

    def _compare(self, label: str, maps: Tensor, human: Tensor, recorder: MetricRecorder) -> None:
        recorder.add_images(alignment(maps, human, self.share), method=label)

    def _compare_smoothed(
        self, label: str, maps: Tensor, human: Tensor, sigma: float, recorder: MetricRecorder
    ) -> None:
        for change, changed in {"blur": maps, "blur of magnitude": maps.abs()}.items():
            blurred = torch.from_numpy(gaussian_filter(changed.numpy(), (0, sigma, sigma)))
            scores = alignment(blurred, human, self.share)
            recorder.add_images(scores, method=label, change=change, amount=sigma)


def controls(human: Tensor) -> dict[str, Tensor]:
    """Return maps that know no network, as people's maps (N, H, W) themselves."""
    # Sums of the others alone: a difference of sums would lose what is far from all marks.
    others = (1 - torch.eye(len(human))) @ human.flatten(1) / max(1, len(human) - 1)
    centre = centre_map(human.shape[-1]).expand_as(human)
    return {CENTRE: centre, OTHERS: others.view_as(human)}
