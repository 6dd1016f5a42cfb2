"""Measurements of a model, class by class, behind CRAFT's figures, tables and claims."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sparks.attribution.gradient import GradientInput
from sparks.attribution.sobol import Sobol
from sparks.checks import between, whole
from sparks.concepts.bank import Concepts, pooled_crops
from sparks.concepts.classes import EVERY, measurable, within
from sparks.concepts.coalitions import shapley, values_of_subsets
from sparks.concepts.craft import Craft
from sparks.concepts.dictionary import Method, TooFewDimensions
from sparks.concepts.ground_truth import (
    Scenes,
    causal_agreement,
    ceiling,
    crops_on_parts,
    effects,
    importance_of_parts,
    recovery,
    shown_where,
)
from sparks.concepts.layer import Layer
from sparks.concepts.observer import Histograms
from sparks.concepts.sanity import untrained
from sparks.concepts.tcav import everywhere, tcav
from sparks.data.imageset import ImageSet
from sparks.engine.seeds import generators
from sparks.metrics.deletion import Deletion, Insertion
from sparks.models.classifier import Classifier
from sparks.progress import progress
from sparks.results import MetricRecorder
from sparks_thesis.common.concept_inputs import ConceptInputs
from sparks_thesis.craft import checks, machine_tests

# Chance level of CRAFT's dictionary: its maps laid over other images, and any crops.
CHANCE = "{}, chance"
UNTRAINED = "NMF, untrained network"


@dataclass(frozen=True, eq=False)
class OneClass:
    """The images of one class, and its concepts at every layer.

    Attributes:
        target: the class.
        name: its name.
        fit: training images that its concepts were fitted on, (n, C, H, W).
        x: test images predicted as the class, (N, C, H, W).
        index: their numbers in the test set, (N,).
        right: whether each of them is of the class, bool (N,).
        concepts: at each layer, late ones first.
        parts: label maps of the test images (N, H, W), where known.
        fit_parts: label maps of the training images (n, H, W), where known.
        wanted: parts that decide the class, where known.
        effect: causal effects of parts (N, P), where known.
    """

    target: int
    name: str
    fit: Tensor
    x: Tensor
    index: Tensor
    right: Tensor
    concepts: Sequence[Concepts]
    parts: Tensor | None = None
    fit_parts: Tensor | None = None
    wanted: Sequence[int] = ()
    effect: Tensor | None = None

    @property
    def classes(self) -> Tensor:
        """The class of each test image."""
        return torch.full((len(self.x),), self.target, dtype=torch.int64)

    @property
    def right_first(self) -> Tensor:
        """The places of the test images, those that are of the class first, (N,)."""
        return (~self.right).int().argsort(stable=True)


@dataclass(frozen=True, kw_only=True)
class CraftStudy:
    """Settings of the evaluation of CRAFT.

    Attributes:
        craft: importance of concepts, and their sub-concepts.
        published: importance by the published design.
        banks: name → dictionary whose concepts are deleted and inserted.
        dictionaries: name → dictionary compared with the true parts.
        most: classes measured, the first ones; None for all.
        images: test images of each class.
        quantile: of a concept's map, above which it counts as shown.
        crops: shown of each concept, and compared in the machine tests.
        refined: concepts of each class that are refined.
        trials: of the machine tests, for each concept.
        checked: classes on which derivatives and randomised weights are checked.
        seed: of rankings at random and of trials.
        embedding: crops → vectors in which the machine tests compare them.
    """

    craft: Craft
    published: Sobol
    banks: Mapping[str, Method]
    dictionaries: Mapping[str, Method]
    most: int | None = None
    images: int = 40
    quantile: float = 0.95
    crops: int = 10
    refined: int = 3
    trials: int = 20
    checked: int = 2
    seed: int = 0
    embedding: Histograms = field(default_factory=Histograms)

    def __post_init__(self) -> None:
        if self.most is not None:
            whole(self, 1, "most")
        whole(self, 1, "images", "crops", "trials")
        whole(self, 0, "refined", "checked", "seed")
        between(self, 0, 1, "quantile")

    def run(
        self, given: ConceptInputs, scenes: Scenes | None, part: slice = EVERY
    ) -> MetricRecorder:
        """Measure every class that the model predicts for enough images.

        Args:
            given: the model, images and concepts.
            scenes: paints test images without a part, where that is possible.
            part: which of these classes. The rows of all parts, one after the other, are those of
                one call for all.

        Raises:
            SparksError: when the model predicts no class for enough images.
        """
        recorder = MetricRecorder()
        if part.start == 0:
            recorder.add_layers(given.layers)
            machine_tests.observer(self, given.train.images, recorder)
        part = within(part, self.most)
        for place, one in self.classes(given, scenes, part):
            concepts = one.concepts[0]
            self.deletion(one, recorder)
            self.truth(given.model, one, concepts, recorder)
            machine_tests.coherence(self, one, concepts, recorder)
            if place < self.checked:
                checks.derivatives(one, concepts, recorder)
                checks.sanity(self, given.model, one, concepts, recorder)
        return recorder

    def classes(
        self, given: ConceptInputs, scenes: Scenes | None, part: slice = EVERY
    ) -> Iterator[tuple[int, OneClass]]:
        """Yield the classes with their places, one at a time: no more than one is held.

        Raises:
            SparksError: when the model predicts none for enough images.
        """
        model, layers, train, test, source = given
        cut = [Layer(model, name, test.images.batch([0])) for name in reversed(layers)]
        # Fewer crops than concepts, or too few images to speak of.
        found = measurable(train, test, (None, self.images), (2, 2), part)
        for place, target, _, index in progress(found, unit="label", description="concepts"):
            name, x = test.images.classes[target], test.images.batch(index)
            right = test.images.labels[index] == target
            banks = [source(layer, target) for layer in cut]
            concepts = [bank.at(layer) for bank, layer in zip(banks, cut, strict=True)]
            fit = banks[0].index
            one = OneClass(target, name, train.images.batch(fit), x, index, right, concepts)
            if "parts" in train.images.truth:
                one = replace(one, fit_parts=train.images.truth["parts"][fit])
            yield place, self._with_parts(model, one, test.images, scenes)

    @staticmethod
    def _with_parts(
        model: Classifier, one: OneClass, test: ImageSet, scenes: Scenes | None
    ) -> OneClass:
        if scenes is None or "parts" not in test.truth:
            return one
        names = list(test.tables["parts"])
        wanted = [names.index(part) for part in test.tables["class_parts"][one.name]]
        parts = test.truth["parts"][one.index]
        effect = effects(model, scenes, one.index.tolist(), parts, names, one.target)
        return replace(one, parts=parts, wanted=wanted, effect=effect)

    # --- importance of concepts ----------------------------------------------------------------

    def rankings(self, one: OneClass, concepts: Concepts) -> dict[str, Tensor]:
        """Return, by method, the mean importance (k,) of each concept over test images.

        Two controls: the Shapley values of all subsets of concepts, and a random order.
        """
        u, head = concepts.coefficients(one.x), concepts.head
        published = replace(self.craft, importance=self.published)
        noise = torch.rand(concepts.k, generator=generators(u[:1], self.seed)[0])
        return {
            "Sobol": self.craft.rank(concepts, one.x, one.target).nanmean(0),
            "Sobol, as published": published.rank(concepts, one.x, one.target).nanmean(0),
            "TCAV": self._tcav(one, concepts),
            "TCAV, mean derivative": self._tcav(one, concepts, "mean"),
            "GradientInput": GradientInput()(head, u, one.classes).mean(0),
            "Shapley, all subsets": self._shapley(one, concepts, u),
            "Random": noise,
        }

    @staticmethod
    def _shapley(one: OneClass, concepts: Concepts, u: Tensor) -> Tensor:
        values = values_of_subsets(concepts, u, one.target)
        return shapley(values).mean(0).float()

    @staticmethod
    def _tcav(one: OneClass, concepts: Concepts, kind: str = "sign") -> Tensor:
        layer = concepts.layer
        activations = layer.activations(one.x)
        return tcav(layer, concepts.dictionary.atoms, activations, one.classes, kind)

    def deletion(self, one: OneClass, recorder: MetricRecorder) -> None:
        """Score rankings by C-Deletion and C-Insertion; all banks are fitted on the same crops."""
        last = one.concepts[0]
        pooled = pooled_crops(last.layer, last.crops, one.fit)
        for bank, method in self.banks.items():
            concepts = self._fitted(last, method, pooled)
            u = concepts.coefficients(one.x)
            for ranking, importance in self.rankings(one, concepts).items():
                # With its reverse, a random order has the mean area of all orders where concepts
                # add up.
                orders = [importance, -importance] if ranking == "Random" else [importance]
                maps = [everywhere(order, len(u)) for order in orders]
                for name, kind in (("C-Deletion", Deletion), ("C-Insertion", Insertion)):
                    metric = kind(steps=concepts.k, output="logit", seed=self.seed)
                    each = [
                        metric.curves(concepts.head, u, one.classes, one_map) for one_map in maps
                    ]
                    curves = torch.stack(each).mean(0)
                    area = torch.trapezoid(curves, dx=1 / concepts.k)
                    known = {"method": ranking, "dictionary": bank}
                    recorder.add({name: area}, image=one.index, **known)
                    for step, value in enumerate(curves.mean(0)):
                        shown = {f"{name} curve": [float(value)]}
                        recorder.add(shown, target=one.target, concepts=step, **known)

    def _fitted(self, concepts: Concepts, method: Method, pooled: Tensor) -> Concepts:
        """Return the concepts of a dictionary, fitted on the crops of others unless it is theirs.

        Args:
            concepts: of the dictionary of `craft`.
            method: fits the dictionary.
            pooled: mean activations of the crops, (M, p).
        """
        if method == self.craft.dictionary:
            return concepts
        return replace(self.craft, dictionary=method).fit_pooled(
            concepts.layer, concepts.crops, pooled
        )

    # --- truth ---------------------------------------------------------------------------------

    def truth(
        self, model: Classifier, one: OneClass, concepts: Concepts, recorder: MetricRecorder
    ) -> None:
        """Compare each dictionary at each layer with the true parts, where known.

        And that of an untrained network at the last layer, on the same crops.
        """
        if one.parts is None or one.effect is None:
            return
        units = {"target": one.target, "part": one.wanted}
        size = (one.x.shape[2], one.x.shape[3])
        for own in one.concepts:
            layer = own.layer
            if layer.map_size is None:
                continue
            pooled = pooled_crops(layer, own.crops, one.fit)
            best = ceiling(one.parts, one.wanted, layer.map_size)
            found = recovery(shown_where(best, size, self.quantile), one.parts, one.wanted)
            recorder.add(_kept(found), method="best possible", layer=layer.name, **units)
            for name, method in self.dictionaries.items():
                try:
                    here = self._fitted(own, method, pooled)
                except TooFewDimensions as error:
                    message = f"no {name} of class {one.target} at {layer.name}: {error}"
                    warnings.warn(message, stacklevel=2)
                    continue
                maps = here.maps(one.x)
                shown = shown_where(maps, size, self.quantile)
                found = recovery(shown, one.parts, one.wanted)
                by_chance = _kept(recovery(shown.roll(1, 0), one.parts, one.wanted))
                if one.fit_parts is not None:
                    matched = found["Concept"].long().tolist()
                    found["CropsOnPart"], by_chance["CropsOnPart"] = crops_on_parts(
                        here.codes, matched, own.crops, one.fit_parts, one.wanted, self.crops
                    )
                recorder.add(_kept(found), method=name, layer=layer.name, **units)
                if method == self.craft.dictionary:
                    chance = {"method": CHANCE.format(name), "layer": layer.name}
                    recorder.add(by_chance, **chance, **units)
                gave = GradientInput()(here.head, maps.flatten(2), one.classes)
                self._causes(one, name, layer.name, "GradientInput", gave, maps, recorder)
        if concepts.layer.map_size is not None:
            layer = Layer(untrained(model, self.seed), concepts.layer.name, one.x[:1])
            blank = self.craft.fit_crops(layer, one.fit, concepts.crops)
            shown = shown_where(blank.maps(one.x), size, self.quantile)
            found = _kept(recovery(shown, one.parts, one.wanted))
            recorder.add(found, method=UNTRAINED, layer=layer.name, **units)
        u = concepts.maps(one.x)
        sobol = self.craft.rank(concepts, one.x, one.target)
        along = everywhere(self._tcav(one, concepts), len(u))
        last = concepts.layer.name
        self._causes(one, "CRAFT", last, "Sobol", sobol, u, recorder)
        self._causes(one, "CRAFT", last, "TCAV", along, u, recorder)

    @staticmethod
    def _causes(
        one: OneClass,
        name: str,
        layer: str,
        how: str,
        gave: Tensor,
        maps: Tensor,
        recorder: MetricRecorder,
    ) -> None:
        assert one.parts is not None
        assert one.effect is not None
        given = importance_of_parts(gave, maps, one.parts, one.effect.shape[1])
        values = causal_agreement(given, one.effect, one.wanted)
        recorder.add(values, image=one.index, method=name, layer=layer, importance=how)


def _kept(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in found.items() if name != "Concept"}
