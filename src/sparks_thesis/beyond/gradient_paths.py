"""The paths of gradients: their entropy, the heaviest of them, and where they begin."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.attribution.baselines import Random
from sparks.attribution.gradient import Saliency
from sparks.attribution.semirings import GradientPaths, heaviest_path
from sparks.checks import whole
from sparks.concepts.sanity import untrained
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.metrics.pointing import PointingGame
from sparks.models.classifier import Classifier
from sparks.protocols import AttributionMethod, Explanation
from sparks.results import MetricRecorder
from sparks.verification.graph import read
from sparks.verification.layers import Conv, Dense

NETWORKS = ("trained", "untrained")
KEPT = 3  # images whose maps the figure shows


@dataclass(frozen=True, kw_only=True)
class PathsStudy:
    """Settings of the study.

    Attributes:
        images: explained, the first ones.
        batch_size: images at a time.
        seed: of the untrained network, of random maps, and of ties.
    """

    images: int
    batch_size: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "images", "batch_size")
        whole(self, 0, "seed")

    def run(
        self, model: Classifier, images: ImageSet, target: Tensor
    ) -> tuple[MetricRecorder, dict[str, Tensor]]:
        """Measure the paths of a network and of an untrained one; return numbers and some maps.

        Args:
            model: explained.
            images: whose deciding parts are known.
            target: the class explained of each, int64 (N,).

        Raises:
            SparksError: when it is not known what decides.
        """
        images = images.subset(slice(self.images))
        x, target, truth = images.batch(slice(None)), target[: len(images)], images.diagnostic()
        if truth is None:
            raise SparksError("paths: the data set does not know which parts decide: use chimera")
        recorder = MetricRecorder()
        for name, network in zip(NETWORKS, (model, untrained(model, self.seed)), strict=True):
            recorder.add_images(self._whole(network, x, target), method=name)
        pointing, maps = PointingGame(seed=self.seed), {}
        for name, method in self._methods().items():
            maps[name] = method(model, x, target)
            scores = pointing(Explanation(model, x, target, maps[name], truth))
            recorder.add_images(scores, method=name)
        kept = {name: one[:KEPT] for name, one in maps.items()}
        return recorder, {"images": x[:KEPT], **kept}

    def _methods(self) -> dict[str, AttributionMethod]:
        """Return what is compared in the pointing game, in order."""
        paths: dict[str, AttributionMethod] = {
            name: GradientPaths(of=of, batch_size=self.batch_size)
            for name, of in (
                ("heaviest path", "max"),
                ("sum of paths", "sum"),
                ("entropy of paths", "entropy"),
            )
        }
        return {"gradient": Saliency(), **paths, "random": Random(seed=self.seed)}

    def _whole(self, model: Classifier, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return what describes the paths from all pixels together, a number an image."""
        found: dict[str, list[Tensor]] = {}
        for part, goals in zip(
            torch.split(x, self.batch_size), torch.split(target, self.batch_size), strict=True
        ):
            of = {
                kind: GradientPaths(of=kind).whole(model, part, goals)
                for kind in ("sum", "entropy", "count")
            }
            weight, passed = heaviest_path(model, part, goals)
            weighted = [
                isinstance(step.layer, Conv | Dense) for step in read(model, part[:1]).steps
            ]
            numbers = {
                "PathEntropy": of["entropy"],
                "PathCount": of["count"],
                "PathShare": weight / of["sum"],
                "PathLength": (passed[:, weighted] >= 0).sum(1),
            }
            for name, values in numbers.items():
                found.setdefault(name, []).append(values.float().cpu())
        return {name: torch.cat(values) for name, values in found.items()}
