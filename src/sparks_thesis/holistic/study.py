"""Measurements of a model behind the figures, tables and claims of the holistic framework."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from sparks.attribution.gradient import GradientInput
from sparks.attribution.guided_backprop import RectifiedBackward
from sparks.checks import whole
from sparks.concepts.bank import Concepts, pooled_crops
from sparks.concepts.classes import EVERY, Classified, measurable, within
from sparks.concepts.clusters import Strategies, plane
from sparks.concepts.coalitions import (
    MOST,
    best_areas,
    rise,
    shapley,
    total_sobol,
    values_of_subsets,
)
from sparks.concepts.dictionary import Method
from sparks.concepts.layer import Layer
from sparks.concepts.steering import most_important, shuffled, steepest, steer
from sparks.concepts.tcav import everywhere, tcav
from sparks.errors import SparksError
from sparks.metrics.deletion import Deletion, Insertion
from sparks.metrics.mufidelity import MuFidelity
from sparks.progress import progress
from sparks.protocols import AttributionMethod, Explanation
from sparks.results import MetricRecorder
from sparks.stats import spearman
from sparks.training.predict import predict
from sparks_thesis.common.concept_inputs import ConceptInputs
from sparks_thesis.holistic.dictionaries import Judge

ALL = "all subsets"  # of concepts, instead of random ones
BEST_ORDER = "best order"  # label of the areas that no order of the concepts beats


@dataclass(frozen=True, eq=False)
class ClassData:
    """One class: its number, and images to judge on with their numbers in the test set."""

    target: int
    x: Tensor
    index: Tensor


class Fitted(NamedTuple):
    """Concepts, and the images (n, C, H, W) that they were fitted on."""

    concepts: Concepts
    images: Tensor

    @property
    def pooled(self) -> Tensor:
        """Mean activations (M, p) of the crops that the concepts were fitted on."""
        return pooled_crops(self.concepts.layer, self.concepts.crops, self.images)


@dataclass(frozen=True, kw_only=True)
class HolisticStudy:
    """Settings of the evaluation of the holistic framework.

    Attributes:
        dictionaries: name → dictionary that is judged.
        methods: label → attribution method applied to concepts.
        sizes: numbers of concepts compared.
        enumerated: how many of the layers, the last ones, have all subsets of their concepts
            scored, where there are 12 concepts at most.
        ranked_layers: how many of the layers, the last ones, importance is compared at; None for
            all. Each method asks for thousands of passes from a layer on.
        judged: classes on which dictionaries are judged, the first ones; None for all.
        swept: classes on which numbers of concepts are compared.
        folds: dictionaries compared for stability, each without a part of the images and from a
            seed of its own, or a random start that they share would count as stable.
        most: classes measured, the first ones; None for all.
        images: test images of each class whose concepts are ranked.
        cluster_images: test images of each class in the cluster graph.
        mufidelity: C-MuFidelity.
        steps: t of steering.
        steered: classes whose first concepts are pushed.
        seed: of all that is random.
    """

    dictionaries: Mapping[str, Method]
    methods: Mapping[str, AttributionMethod]
    sizes: Sequence[int]
    mufidelity: MuFidelity
    ranked_layers: int | None = None
    enumerated: int = 1
    judged: int | None = None
    swept: int = 2
    folds: int = 3
    most: int | None = None
    images: int = 8
    cluster_images: int = 200
    steps: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    steered: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.most is not None:
            whole(self, 1, "most")
        given = (name for name in ("judged", "ranked_layers") if getattr(self, name) is not None)
        whole(self, 1, *given)
        whole(self, 1, "images", "cluster_images")
        whole(self, 2, "folds")
        whole(self, 0, "swept", "steered", "enumerated", "seed")
        if not self.sizes or min(self.sizes) < 1:
            raise SparksError(
                f"HolisticStudy: sizes={list(self.sizes)} are not numbers of 1 or more concepts"
            )
        if not self.steps or not all(step > 0 for step in self.steps):
            raise SparksError(f"HolisticStudy: steps={list(self.steps)} are not lengths above 0")

    def run(self, given: ConceptInputs, part: slice = EVERY) -> MetricRecorder:
        """Measure every class, or a part of them; see `CraftStudy.run`."""
        model, layers, train, test, source = given

        def fitted(layer: Layer, one: ClassData) -> Fitted:
            bank = source(layer, one.target)
            return Fitted(bank.at(layer), train.images.batch(bank.index))

        recorder, judge = MetricRecorder(), Judge(self.folds, self.seed)
        if part.start == 0:
            recorder.add_layers(layers)
        cut = [Layer(model, name, test.images.batch([0])) for name in layers]
        ranked = cut if self.ranked_layers is None else cut[-self.ranked_layers :]
        for place, one in self.classes(train, test, within(part, self.most)):
            last = fitted(cut[-1], one)
            judged = self.judged is None or place < self.judged
            if judged or place < self.swept:
                self.compare(one, last, judge, recorder, judged, place < self.swept)
            for layer in ranked:
                exact = layer in cut[len(cut) - self.enumerated :]
                self.importance(one, fitted(layer, one).concepts, recorder, exact)
            if place < self.steered:
                rival = self._next_class(place, train, test)
                for layer in cut:
                    other = None if rival is None else fitted(layer, rival).concepts
                    self.steering(one, fitted(layer, one), rival, other, recorder)
            self.identities(one, last.concepts, recorder)
            self.clusters(one, last.concepts, test, recorder)
        return recorder

    def classes(
        self, train: Classified, test: Classified, part: slice = EVERY
    ) -> Iterator[tuple[int, ClassData]]:
        """Yield the classes that the model predicts with their places, one at a time.

        Raises:
            SparksError: when it predicts none for enough images.
        """
        least = (2 * self.folds, 1)
        found = measurable(train, test, (None, self.images), least, part)
        for place, target, _, index in progress(found, unit="label", description="holistic"):
            yield place, ClassData(target, test.images.batch(index), index)

    def compare(
        self, one: ClassData, last: Fitted, judge: Judge, recorder: MetricRecorder,
        judged: bool, swept: bool,
    ) -> None:  # fmt: skip
        """Score dictionaries on the crops of a class at the last layer.

        Args:
            one: class.
            last: its concepts.
            judge: scores a dictionary.
            recorder: takes the scores.
            judged: whether those of `dictionaries` are scored, as they are.
            swept: whether they are with every number of concepts, too.
        """
        pooled, concepts = last.pooled, last.concepts

        @cache  # the number of concepts that a dictionary has anyway is one of the sweep
        def scores(name: str, k: int) -> dict[str, list[float]]:
            return judge(one.target, name, self._sized(name, k), concepts, pooled)

        def record(analysis: str, name: str, k: int) -> None:
            known = {"method": name, "analysis": analysis, "concepts": k}
            recorder.add(scores(name, k), target=one.target, **known)

        if judged:
            for name, method in self.dictionaries.items():
                record("last", name, method.concepts)
            judge.best(one.target, concepts, pooled, recorder)
        if swept:
            for k, name in product(self.sizes, self.dictionaries):
                record("sweep", name, k)

    def _sized(self, name: str, k: int) -> Method:
        """Return a dictionary with k concepts, of which no more than k are active."""
        method = self.dictionaries[name]
        active = getattr(method, "active", None)
        return replace(method, concepts=k, **({} if active is None else {"active": min(active, k)}))

    # --- importance ----------------------------------------------------------------------------

    def importance(
        self, one: ClassData, concepts: Concepts, recorder: MetricRecorder, exact: bool = False
    ) -> None:
        """Score every method at one layer by C-Deletion, C-Insertion and C-MuFidelity.

        Args:
            one: class.
            concepts: of it.
            recorder: takes the scores.
            exact: whether all subsets of the concepts are scored too: for what methods would give
                without sampling error, and for the areas that no order beats.
        """
        u, head = concepts.coefficients(one.x), concepts.head
        target = torch.full((len(u),), one.target, dtype=torch.int64)
        explained = {
            label: method(head, u, target) for label, method in self.methods_for(head, u).items()
        }
        layer, atoms = concepts.layer, concepts.dictionary.atoms
        along = tcav(layer, atoms, layer.activations(one.x), target)
        explained["TCAV"] = everywhere(along, len(u))
        explained["optimum at the last layer"] = GradientInput()(head, u, target)
        logits = predict(head, u, device=concepts.layer.device)
        kept = logits[:, one.target] - one_logit(concepts, one)
        known = {"image": one.index, "layer": layer.name}
        recorder.add({"LogitGap": kept.abs()}, method="NMF", **known)
        if exact and concepts.k <= MOST:
            values = values_of_subsets(concepts, u, one.target)
            exactly = {
                "Shapley": shapley(values),
                "Sobol": total_sobol(values),
                "RISE": rise(values),
            }
            explained |= {f"{name}, {ALL}": maps.float() for name, maps in exactly.items()}
            areas = dict(zip(("C-Deletion", "C-Insertion"), best_areas(values), strict=True))
            recorder.add(areas, method=BEST_ORDER, **known)
        for label, maps in explained.items():
            areas, scored = {}, Explanation(head, u, target, maps)
            for name, kind in (("C-Deletion", Deletion), ("C-Insertion", Insertion)):
                metric = kind(steps=concepts.k, output="logit", seed=self.seed)
                areas[name] = next(iter(metric(scored).values()))
            fidelity = self.mufidelity(scored)
            areas["C-MuFidelity"] = next(iter(fidelity.values()))
            recorder.add(areas, method=label, **known)

    def methods_for(self, head: torch.nn.Module, u: Tensor) -> dict[str, AttributionMethod]:
        """Return the methods that can explain `head`: some need a ReLU, which it may lack."""

        def refused(method: RectifiedBackward) -> bool:
            try:
                method.check(head, u[:1])
            except SparksError:
                return True
            return False

        return {
            label: method
            for label, method in self.methods.items()
            if not (isinstance(method, RectifiedBackward) and refused(method))
        }

    def identities(self, one: ClassData, concepts: Concepts, recorder: MetricRecorder) -> None:
        """Measure the distance of each method from the contributions u_i γ_i at the last layer."""
        u, head = concepts.coefficients(one.x), concepts.head
        target = torch.full((len(u),), one.target, dtype=torch.int64)

        def logits(codes: Tensor) -> Tensor:
            return predict(head, codes, device=concepts.layer.device).gather(1, target[:, None])

        whole, parts = logits(u), []
        for concept in range(concepts.k):
            without = u.clone()
            without[:, concept] = 0
            parts.append(whole - logits(without))
        contribution = torch.cat(parts, 1)
        size = contribution.abs().amax(1)
        size = size.masked_fill(size == 0, torch.nan)  # no contribution to measure an error in
        for label, method in self.methods_for(head, u).items():
            found = method(head, u, target)
            values = {
                "IdentityError": (found - contribution).abs().amax(1) / size,
                "IdentitySpearman": spearman(found, contribution),
            }
            recorder.add(values, image=one.index, method=label, layer=concepts.layer.name)

    # --- strategies and steering ---------------------------------------------------------------

    def clusters(
        self, one: ClassData, concepts: Concepts, test: Classified, recorder: MetricRecorder
    ) -> None:
        """Record which concept decides each test image of the class, and its correctness."""
        index = (test.images.labels == one.target).nonzero()[:, 0][: self.cluster_images]
        u = concepts.coefficients(test.images.batch(index))
        target = torch.full((len(u),), one.target, dtype=torch.int64)
        gave = GradientInput()(concepts.head, u, target)
        found = Strategies(gave, test.predicted[index] == one.target)
        placed = plane(gave, self.seed)
        each = {
            "ClusterX": placed[:, 0],
            "ClusterY": placed[:, 1],
            "Dominant": found.dominant.float(),
            "Correct": found.correct.float(),
        }
        known = {"method": "NMF", "class_name": test.images.classes[one.target]}
        recorder.add(each, image=index, **known)
        of_concepts = {
            "Prevalence": found.prevalence,
            "Reliability": found.reliability,
            "GlobalImportance": found.importance,
            "Dominated": found.counts.float(),
        }
        recorder.add(of_concepts, concept=range(concepts.k), **known)

    def steering(
        self,
        one: ClassData,
        fitted: Fitted,
        rival: ClassData | None,
        other: Concepts | None,
        recorder: MetricRecorder,
    ) -> None:
        """Push along the class's first concept, and along two controls that are atoms as well.

        The controls are the same atom with its channels shuffled, and the first concept of another
        class, `rival`, whose concepts at the same layer are `other`. The oracle is the mean
        gradient of the logit, along which it rises fastest at first.
        """
        concepts = fitted.concepts
        layer = concepts.layer
        first = most_important(concepts, one.x, one.target)
        atom = concepts.dictionary.atoms[first]
        ways: dict[str, tuple[Tensor, int | None]] = {
            "concept": (atom, first),
            "shuffled": (shuffled(atom, self.seed + one.target), None),
        }
        if rival is not None and other is not None:
            foreign = most_important(other, rival.x, rival.target)
            ways["other class"] = (other.dictionary.atoms[foreign], None)
        a, reference = layer.activations(one.x), layer.pooled(fitted.images)
        ways["gradient"] = (steepest(layer, a, one.target), None)
        for name, (direction, concept) in ways.items():
            every = steer(
                layer, concepts.dictionary, a, direction, self.steps, one.target, reference, concept
            )
            for t, values in zip(self.steps, every, strict=True):
                named = {f"Steering{key}": value for key, value in values.items()}
                recorder.add(named, image=one.index, method=name, layer=layer.name, t=t)

    def _next_class(self, place: int, train: Classified, test: Classified) -> ClassData | None:
        """Return the next class measured, the first one after the last; None without another."""
        found = measurable(train, test, (None, self.images), (2 * self.folds, 1), EVERY)
        if len(found) < 2:
            return None
        _, target, _, index = found[(place + 1) % len(found)]
        return ClassData(target, test.images.batch(index), index)


def one_logit(concepts: Concepts, one: ClassData) -> Tensor:
    """Return the model's own logit of the class, (N,)."""
    return concepts.layer.logits(concepts.layer.activations(one.x))[:, one.target]
