"""Effect on a class's logit of covering the places that show its concepts, in test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from sparks.checks import whole
from sparks.concepts.covering import Covered, Covering
from sparks.concepts.layer import Layer
from sparks.data.imageset import ImageSet
from sparks.results import MetricRecorder
from sparks_thesis.lens.atlas import as_bytes
from sparks_thesis.lens.folder import Atlas

# Images kept of each concept, those that have most of it.
SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class CoveringStudy:
    """Settings of the study.

    Attributes:
        measure: how cells are covered, and compared with others.
        classes: names of the classes; None for all of the atlas.
        concepts: of each class, the most important ones.
    """

    measure: Covering
    classes: Sequence[str] | None
    concepts: int

    def __post_init__(self) -> None:
        whole(self, 1, "concepts")

    def run(
        self, atlas: Atlas, model: nn.Module, layer: Layer, train: ImageSet, test: ImageSet
    ) -> tuple[MetricRecorder, dict[str, Tensor]]:
        """Cover the concepts of an atlas.

        Args:
            atlas: with the concepts of its classes.
            model: in evaluation mode.
            layer: where they were fitted.
            train: images of which the atlas surveyed some.
            test: images to cover concepts in.

        Returns:
            The changes of the logit, image by image; and for some images of each concept, by
            class and place of the concept, "CLASS.CONCEPT.index" (n,), and uint8
            "CLASS.CONCEPT.images" and "CLASS.CONCEPT.covered" (n, C, H, W).
        """
        recorder = MetricRecorder()
        pictures: dict[str, Tensor] = {}
        for target, name in atlas.names.items():
            if self.classes is not None and name not in self.classes:
                continue
            one = atlas.load(target)
            concepts = atlas.concepts(one, layer)
            fitted = concepts.maps(train.batch(one.tensors["index"]))
            index = (test.labels == target).nonzero()[:, 0]
            x = test.batch(index)
            maps = concepts.maps(x)
            for concept in range(min(one.k, self.concepts)):
                own = maps[:, concept]
                threshold = self.measure.threshold(fitted[:, concept])
                found = self.measure(model, x, target, own, threshold)
                shown = self._pictures(x, own, found, threshold, index)
                pictures |= {f"{target}.{concept}.{key}": value for key, value in shown.items()}
                known = {"class_name": name, "concept": concept}
                _record(found, index[found.index], known, recorder)
        return recorder, pictures

    def _pictures(
        self, x: Tensor, maps: Tensor, found: Covered, threshold: float, index: Tensor
    ) -> Mapping[str, Tensor]:
        """Return the images with most of a concept, and the same with it covered."""
        amount = maps[found.index].flatten(1).sum(1)
        shown = found.index[amount.argsort(descending=True)][:SHOWN]
        first = next(iter(self.measure.covers))
        covered = self.measure.covered(x[shown], maps[shown], threshold, first)
        return {"index": index[shown], "images": as_bytes(x[shown]), "covered": as_bytes(covered)}


def _record(
    found: Covered, image: Tensor, known: Mapping[str, object], recorder: MetricRecorder
) -> None:
    for cover in found.own:
        values = {
            "Covered": found.own[cover],
            "CoveredElsewhere": found.elsewhere[cover],
            "CoveredArea": found.area,
        }
        recorder.add(values, image=image, cover=cover, **known)
