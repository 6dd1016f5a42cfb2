"""The linear representation hypothesis, tested where parts of images can be painted away.

If a part is a direction, what it adds to activations is the same vector in every image: a(x) less
a(x without the part). Then an atom of a dictionary may match that vector, and subtracting it from
activations does to the logit what repainting the image does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from sparks.checks import whole
from sparks.concepts.bank import Concepts
from sparks.concepts.classes import Classified, measurable
from sparks.concepts.ground_truth import Scenes
from sparks.concepts.layer import Layer
from sparks.concepts.metrics import knn_distance
from sparks.concepts.sanity import untrained
from sparks.concepts.steering import shuffled
from sparks.errors import SparksError
from sparks.progress import progress
from sparks.results import MetricRecorder
from sparks.stats import spearman
from sparks_thesis.common.concept_inputs import ConceptInputs

REFERENCES = 1000  # training images, at most, that activations are compared with
SHUFFLES = 20  # of the atoms, for what matches by chance
OUTSIDE = 0.95  # quantile of distances of real images, above which activations left the data


@dataclass(frozen=True, eq=False)
class Removal:
    """Images of one class, with and without one of their parts.

    Attributes:
        target: the class.
        part: number of the part that is removed.
        index: numbers of the images, (n,).
        x: images (n, C, H, W).
        without: the same without the part.
    """

    target: int
    part: int
    index: Tensor
    x: Tensor
    without: Tensor


@dataclass(frozen=True, kw_only=True)
class LinearStudy:
    """Settings of the test.

    Attributes:
        images: test images of each class.
        most: classes, the first ones; None for all.
        steps: lengths of pushes, in those of the part's own direction.
        least: images that must show a part; it is left out otherwise.
        seed: of all that is random.
    """

    images: int = 40
    most: int | None = None
    steps: Sequence[float] = (0.5, 1.0, 2.0, 4.0)
    least: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.most is not None:
            whole(self, 1, "most")
        whole(self, 4, "images", "least")
        whole(self, 0, "seed")
        if not self.steps or min(self.steps) <= 0:
            raise SparksError(f"LinearStudy: steps={list(self.steps)} are not lengths above 0")

    def run(self, given: ConceptInputs, scenes: Scenes) -> MetricRecorder:
        """Measure every part that decides a class, at every layer.

        Args:
            given: the model, images and concepts; of the test images, the parts.
            scenes: paints test images without a part.

        Raises:
            SparksError: when the parts of images are not known.
        """
        model, layers, train, test, source = given
        if "parts" not in test.images.truth:
            raise SparksError("the study `linear` needs images whose parts are known: chimera")
        recorder, blank = MetricRecorder(), untrained(model, self.seed)
        recorder.add_layers(layers)
        removals, example = list(self.removals(train, test, scenes)), test.images.batch([0])
        known = train.images.batch(range(min(len(train.images), REFERENCES)))
        for name in progress(layers, unit="layer", description="linear"):
            layer, bare = (Layer(network, name, example) for network in (model, blank))
            trained = [self._differences(layer, one) for one in removals]
            fresh = [self._differences(bare, one) for one in removals]
            for place, one in enumerate(removals):
                units = {"target": one.target, "part": one.part, "layer": name}
                found = trained[place] | {"untrained network": fresh[place]["part"]}
                if any(removal.part != one.part for removal in removals):
                    found["random parts"] = self._random_parts(removals, trained, one)
                for label, rows in found.items():
                    recorder.add({"DirectionShare": [shared(rows)]}, method=label, **units)
            for label, each in (("part", trained), ("untrained network", fresh)):
                self._across_classes(removals, [d["part"] for d in each], label, name, recorder)
            reference = layer.pooled(known)
            for one, found in zip(removals, trained, strict=True):
                concepts = source(layer, one.target).at(layer)
                self._atoms(one, concepts, found["part"], reference, recorder)
        return recorder

    def removals(self, train: Classified, test: Classified, scenes: Scenes) -> Iterator[Removal]:
        """Yield the images of each class without each of the parts that decide it."""
        names = list(test.images.tables["parts"])
        found = measurable(train, test, (None, self.images), (2, self.least))[: self.most]
        for _, target, _, index in found:
            x, truth = test.images.batch(index), test.images.truth["parts"][index]
            wanted = test.images.tables["class_parts"][test.images.classes[target]]
            for part in map(names.index, wanted):
                there = (truth == part + 1).flatten(1).any(1)
                if int(there.sum()) < self.least:
                    continue
                without = [scenes.render(int(i), without=(names[part],)) for i in index[there]]
                painted = torch.stack(without).float() / 255
                yield Removal(target, part, index[there], x[there], painted)

    @staticmethod
    def _differences(layer: Layer, one: Removal) -> dict[str, Tensor]:
        """Return what a part adds to mean activations, (n, p), and as a control without pairs."""
        whole, without = layer.pooled(one.x), layer.pooled(one.without)
        return {"part": whole - without, "another image": whole - without.roll(1, 0)}

    def _random_parts(
        self, removals: Sequence[Removal], found: Sequence[Mapping[str, Tensor]], one: Removal
    ) -> Tensor:
        """Return what other parts add, as many differences and all as long: the control."""
        others = [d["part"] for r, d in zip(removals, found, strict=True) if r.part != one.part]
        generator = torch.Generator().manual_seed(self.seed)
        every = torch.cat(others)
        drawn = torch.randperm(len(every), generator=generator)[: len(one.x)]
        return normalize(every[drawn], dim=1)

    @staticmethod
    def _across_classes(
        removals: Sequence[Removal],
        differences: Sequence[Tensor],
        label: str,
        layer: str,
        recorder: MetricRecorder,
    ) -> None:
        """Compare a part's direction in one class with those of other classes."""
        means = normalize(torch.stack([d.mean(0) for d in differences]), dim=1)
        alike = means @ means.T
        for row, one in enumerate(removals):
            elsewhere = [i for i, r in enumerate(removals) if r.target != one.target]
            same = [i for i in elsewhere if removals[i].part == one.part]
            others = [i for i in elsewhere if removals[i].part != one.part]
            if same and others:
                values = {"CosineSamePart": [float(alike[row, same].mean())]}
                values["CosineOtherPart"] = [float(alike[row, others].mean())]
                units = {"target": one.target, "part": one.part, "layer": layer}
                recorder.add(values, method=label, **units)

    def _atoms(
        self,
        one: Removal,
        concepts: Concepts,
        differences: Tensor,
        reference: Tensor,
        recorder: MetricRecorder,
    ) -> None:
        """Compare the part's direction with the atoms of its class, and subtract both."""
        layer, atoms = concepts.layer, concepts.dictionary.atoms.cpu()
        units: dict[str, int | str] = {"target": one.target, "part": one.part}
        units["layer"] = layer.name
        direction = differences.mean(0)
        cosine = cosine_similarity(atoms, direction[None])
        best = int(cosine.argmax())
        chance = [
            float(cosine_similarity(self._shuffled(atoms, i), direction[None]).max())
            for i in range(SHUFFLES)
        ]
        recorder.add({"AtomCosine": [float(cosine[best])]}, method="dictionary", **units)
        recorder.add({"AtomCosine": [sum(chance) / SHUFFLES]}, method="shuffled atoms", **units)
        a = layer.activations(one.x)
        codes = concepts.dictionary.encode(a)[:, :, best, None].cpu()
        other = shuffled(atoms[best], self.seed)
        # The oracle knows how much of the part an image shows, and the direction of other images.
        halves = torch.arange(len(a)) % 2
        held = torch.stack([differences[halves != half].mean(0) for half in (0, 1)])[halves]
        held = normalize(held, dim=1)
        amount = (differences * held).sum(1, keepdim=True)
        moved = {
            "atom": a - codes * atoms[best],
            "shuffled atom": a - codes * other,
            "direction of other images": a - (amount * held)[:, None],
        }
        before = layer.logits(a)[:, one.target]
        painted = layer.logits(layer.activations(one.without))[:, one.target]
        repainted = before - painted
        recorder.add({"LogitChange": repainted}, method="repainted", image=one.index, **units)
        for label, activations in moved.items():
            change = before - layer.logits(activations)[:, one.target]
            recorder.add({"LogitChange": change}, method=label, image=one.index, **units)
            ratio = float(change.mean() / repainted.mean())
            agree = spearman(change[None].double(), repainted[None].double())
            values = {"ChangeRatio": [ratio], "ChangeSpearman": agree.tolist()}
            recorder.add(values, method=label, **units)
        ways = {"part": direction, "atom": atoms[best], "shuffled atom": other}
        self._pushes(a.mean(1), ways, float(direction.norm()), reference, units, recorder)
        near = self._outside(reference, a.mean(1), layer.pooled(one.without))
        recorder.add({"Outside": [near]}, method="repainted", t=0.0, **units)

    def _pushes(
        self,
        pooled: Tensor,
        ways: Mapping[str, Tensor],
        length: float,
        reference: Tensor,
        units: Mapping[str, int | str],
        recorder: MetricRecorder,
    ) -> None:
        """Record the share of images that pushes along directions take out of the data."""
        for label, direction in ways.items():
            for t in self.steps:
                moved = pooled + t * length * normalize(direction, dim=0)
                share = self._outside(reference, pooled, moved)
                recorder.add({"Outside": [share]}, method=label, t=t, **units)

    @staticmethod
    def _outside(reference: Tensor, pooled: Tensor, moved: Tensor) -> float:
        """Return the share of activations farther from real ones than nearly all real ones are."""
        usual = knn_distance(reference, pooled, unit=False).quantile(OUTSIDE)
        return float((knn_distance(reference, moved, unit=False) > usual).double().mean())

    def _shuffled(self, atoms: Tensor, number: int) -> Tensor:
        first = self.seed + number * len(atoms)
        return torch.stack([shuffled(atom, first + i) for i, atom in enumerate(atoms)])


def shared(differences: Tensor) -> float:
    """Return the share of the squared length of differences (n, p) on one direction.

    The direction is fitted on one half of them and judged on the other, both ways: n differences in
    p dimensions share some direction by chance.
    """
    found = []
    for half in (0, 1):
        judged = torch.arange(len(differences)) % 2 == half
        _, _, axes = torch.linalg.svd(differences[~judged].double(), full_matrices=False)
        held = differences[judged].double()
        found.append((held @ axes[0]).square().sum() / held.square().sum().clamp(min=1e-30))
    return float(sum(found) / 2)
