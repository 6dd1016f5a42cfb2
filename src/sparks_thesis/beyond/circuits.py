"""Circuits of parts: do they serve the part alone, and does taking them out undo an attack?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from sparks.checks import whole
from sparks.concepts.circuits import (
    Circuit,
    CrossLayerAttribution,
    ablated,
    activations,
    concept_score,
    mean_activations,
)
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.results import MetricRecorder
from sparks.stats import pearson

BATCH = 128
# Channels that are held at their means: none, those of the circuit, as many at random.
EDITS = ("none", "circuit", "random")


@dataclass(frozen=True, eq=False)
class Attack:
    """Images with and without a part of another image pasted onto them.

    Attributes:
        x: images (N, C, H, W).
        attacked: the same with the part.
        labels: (N,).
        has: whether the part belongs to an image's class, bool (N,).
    """

    x: Tensor
    attacked: Tensor
    labels: Tensor
    has: Tensor

    def halves(self) -> tuple[Attack, Attack]:
        """Return the first and the second half of the images."""
        half = len(self.x) // 2
        return self._some(slice(half)), self._some(slice(half, None))

    def _some(self, which: slice) -> Attack:
        return Attack(self.x[which], self.attacked[which], self.labels[which], self.has[which])


@dataclass(frozen=True, kw_only=True)
class CircuitsStudy:
    """Settings of the study.

    The concept is a part: the direction in which pasting it onto images moves the mean activations
    of the last layer. Its circuit is found on the first half of the test images and judged on the
    second:

    - With all other channels, or those of the circuit, held at their means over training images:
      how far is the concept's score still that of the whole network (r² over images with and
      without the part)? As many channels drawn at random are the control.
    - The pasted part is an attack, since it belongs to other classes. With the circuit held at its
      means: how accurate is the network on attacked images of classes without the part, on the same
      images before the attack, and, what the edit costs, on images of classes with the part?

    Attributes:
        layers: of the circuit, from input to output.
        sizes: channels a layer.
        parts: how many of the deciding parts, the first ones.
        draws: of random channels.
        images: test images, the first ones.
        reference: training images over which means are taken, the first ones.
        seed: of all that is random.
    """

    layers: Sequence[str]
    sizes: Sequence[int]
    parts: int
    draws: int = 5
    images: int = 400
    reference: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "parts", "draws", "images", "reference")
        whole(self, 0, "seed")
        if not self.layers or not self.sizes or min(self.sizes) < 1:
            raise SparksError("CircuitsStudy: layers and sizes, of 1 or more, must be named")

    def run(self, model: Classifier, train: ImageSet, test: ImageSet) -> MetricRecorder:
        """Find and judge the circuits of the deciding parts.

        Args:
            model: in evaluation mode.
            train: its training images.
            test: other images, whose parts are known.

        Raises:
            SparksError: when it is not known which parts images show.
        """
        if "class_parts" not in test.tables or "parts" not in test.truth:
            raise SparksError("circuits: the data set does not know its parts: choose chimera")
        names = list(test.tables["parts"])
        deciding = sorted(
            {names.index(p) for ps in test.tables["class_parts"].values() for p in ps}
        )
        reference = train.batch(range(min(self.reference, len(train))))
        means = mean_activations(model, self.layers, reference, BATCH)
        recorder = MetricRecorder()
        for part in deciding[: self.parts]:
            found, judged = pasted(test, part, self.images, self.seed).halves()
            direction = self._direction(model, found)
            for size in self.sizes:
                find = CrossLayerAttribution(layers=self.layers, size=size, batch_size=BATCH)
                circuit = find(model, found.attacked, direction)
                known = {"part": part, "concepts": size}
                self._serves(recorder, model, circuit, means, judged, direction, known)
                self._edits(recorder, model, circuit, means, judged, known)
        return recorder

    def _direction(self, model: Classifier, found: Attack) -> Tensor:
        last = self.layers[-1]
        moved = [
            activations(model, [last], x)[last].mean((0, 2, 3)).cpu()
            for x in (found.attacked, found.x)
        ]
        return nn.functional.normalize(moved[0] - moved[1], dim=0)

    def _draws(self, circuit: Circuit) -> list[dict[str, Tensor]]:
        generator = torch.Generator().manual_seed(self.seed)
        return [circuit.shuffled(generator) for _ in range(self.draws)]

    def _serves(
        self,
        recorder: MetricRecorder,
        model: Classifier,
        circuit: Circuit,
        means: Mapping[str, Tensor],
        judged: Attack,
        direction: Tensor,
        known: Mapping[str, int],
    ) -> None:
        """Record r² of the concept's scores with those of the whole network."""
        x = torch.cat([judged.x, judged.attacked])
        score = partial(self._scores, model, x, direction)
        intact = score({}, means)
        subsets = [("circuit", 0, dict(circuit.units))]
        subsets += [("random", i, drawn) for i, drawn in enumerate(self._draws(circuit))]
        for name, repeat, units in subsets:
            others = {layer: ~chosen for layer, chosen in units.items()}
            for kind, removed in (("CircuitAlone", others), ("CircuitRemoved", units)):
                kept = pearson(score(removed, means)[None], intact[None])[0].nan_to_num() ** 2
                recorder.add({kind: [float(kept)]}, method=name, repeat=repeat, **known)

    def _scores(
        self,
        model: Classifier,
        x: Tensor,
        direction: Tensor,
        removed: Mapping[str, Tensor],
        means: Mapping[str, Tensor],
    ) -> Tensor:
        last = self.layers[-1]
        with ablated(model, removed, means):
            parts = [activations(model, [last], part)[last] for part in torch.split(x, BATCH)]
        return concept_score(torch.cat(parts), direction).double().cpu()

    def _edits(
        self,
        recorder: MetricRecorder,
        model: Classifier,
        circuit: Circuit,
        means: Mapping[str, Tensor],
        judged: Attack,
        known: Mapping[str, int],
    ) -> None:
        """Record the accuracy of the network and of edited ones, of every kind of image."""
        lacks = ~judged.has
        kinds = {
            "attacked": (judged.attacked[lacks], judged.labels[lacks]),
            "clean": (judged.x[lacks], judged.labels[lacks]),
            "with the part": (judged.x[judged.has], judged.labels[judged.has]),
        }
        edits: list[tuple[str, int, Mapping[str, Tensor]]] = [("none", 0, {})]
        edits.append(("circuit", 0, circuit.units))
        edits += [("random", i, drawn) for i, drawn in enumerate(self._draws(circuit))]
        for name, repeat, removed in edits:
            edit: AbstractContextManager[None] = ablated(model, removed, means)
            with edit, torch.no_grad():
                for kind, (x, labels) in kinds.items():
                    logits = [model(p.to(_device(model))).cpu() for p in torch.split(x, BATCH)]
                    right = (torch.cat(logits).argmax(1) == labels).double()
                    recorder.add(
                        {"EditedAccuracy": [float(right.mean())]},
                        method=name, repeat=repeat, split=kind, **known,
                    )  # fmt: skip


def pasted(images: ImageSet, part: int, n: int, seed: int) -> Attack:
    """Paste a part onto images, at the same place, from other images that show it.

    Args:
        images: whose parts are known.
        part: its number in `tables["parts"]`.
        n: images that get it, the first ones.
        seed: of which image the part comes from.

    Raises:
        SparksError: when no image shows the part.
    """
    seen = images.truth["parts"] == part + 1
    names = list(images.tables["parts"])
    sources = seen.flatten(1).any(1).nonzero()[:, 0]
    if not len(sources):
        raise SparksError(f"circuits: no image shows the part {names[part]!r}: give more images")
    generator = torch.Generator().manual_seed(seed)
    count = min(n, len(images))
    chosen = sources[torch.randint(len(sources), (count,), generator=generator)]
    x, labels = images.batch(range(count)), images.labels[:count]
    attacked = torch.where(seen[chosen][:, None], images.batch(chosen), x)
    belongs = [
        names[part] in images.tables["class_parts"][images.classes[label]]
        for label in labels.tolist()
    ]
    return Attack(x, attacked, labels, torch.tensor(belongs))


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
