"""What figures, tables and claims on MACO need of a model: pictures by each method, scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from sparks.concepts.craft import Concepts, Craft, predicted_as
from sparks.concepts.layer import Layer
from sparks.concepts.numbers import Numbers
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.statistics import Bootstrap
from sparks.training.predict import predict
from sparks.visualization.crops import Crops, resize
from sparks.visualization.judges import NATURAL, Judge, Jury
from sparks.visualization.objectives import Objective, channels, inversion, logits
from sparks.visualization.of_concepts import concept_pictures
from sparks.visualization.optimise import Ascent, Pictures, stretched, transparency
from sparks.visualization.scores import concept_responses, observer_choices, selective
from sparks.visualization.spectrum import ImageStatistics

# Concepts and trials are numbered apart for each class or channel.
APART = 10_000
# What is scored on crops, as an ascent draws them at its last step, is named so: so many of each.
SEEN, VIEWS = ", as seen", 8
# Test images, at most, that an observer is asked about.
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


@dataclass(frozen=True, kw_only=True)
class MacoStudy:
    """How many pictures of what.

    Attributes:
        methods: name → how pictures are made.
        craft: how concepts are found.
        whole: crops for inversion: places correspond only where the network sees all of a picture.
        logits: classes drawn, at most.
        starts: pictures of each class, from as many seeds.
        classes: whose concepts are drawn, at most.
        fit_images: training images of a class that its concepts are fitted on.
        channels: drawn, the same distance apart.
        inverted: test images whose activations are inverted.
        trials: in which an observer tells what a channel responds to.
        references: real images, at most, that pictures are compared with.
        kept: pictures of each kind for the figures.
        bootstrap: of the Fréchet distance, over pictures.
        seed: of the first start, and of all else.
    """

    methods: Mapping[str, Ascent]
    craft: Craft
    whole: Crops
    logits: int = 1000
    starts: int = 1
    classes: int = 10
    fit_images: int = 200
    channels: int = 8
    inverted: int = 4
    trials: int = 20
    references: int = 5000
    kept: int = 3
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    seed: int = 0

    def run(
        self, subject: Subject, judges: Sequence[Judge]
    ) -> tuple[Numbers, dict[str, Tensor], dict[str, Any]]:
        """Make and score the pictures of every method.

        Args:
            subject: what is drawn.
            judges: other networks, trained on the same images; the first gives the features that
                pictures are compared with real images by.

        Returns:
            The numbers; and for figures, each with `kept` pictures: "KIND.METHOD" (n, C, H, W),
            stretched, "KIND.METHOD.alpha" (n, H, W), "inverted" (n, C, h, w), and radial powers
            "power.METHOD", "frequencies.METHOD" (B,). Besides, what these are of, by name.
        """
        numbers, kept = Numbers(), dict[str, Tensor]()
        own = Judge("itself", subject.model, subject.layer)
        jury = Jury.of(
            subject.train,
            subject.test,
            subject.statistics,
            own,
            judges,
            self.references,
            self.bootstrap,
        )
        classes = torch.tensor(list(self._classes(subject)))
        jury.natural(len(classes) * self.starts, numbers)
        kept |= _curve(NATURAL, subject.statistics.frequencies, subject.statistics.power)
        found = list(self._concepts(subject))
        if not found:
            raise SparksError("no class has 2 training images predicted as it: train the model")
        images = self._to_invert(subject)
        kept |= {"inverted": images} | self._examples(subject, found)
        size = subject.statistics.size
        for name, ascent in self.methods.items():
            made = self._pictures(subject, ascent, found, images)
            for kind, pictures in made.items():
                few = _commonest(found[0][1], self.kept) if kind == "concept" else None
                kept |= self._shown(kind, name, pictures, few)
                jury.spectrum(name, kind, pictures.images, numbers)
            kept |= _curve(name, *jury.power(made["logit"].images))
            for seen, views in self._views(ascent, made, size).items():
                for kind, view in views.items():
                    jury.likeness(name, kind + seen, view, numbers)
                of_each = classes.repeat(self.starts)
                jury.classes(name, f"logit{seen}", views["logit"], of_each, numbers)
                self._selective(name, f"concept{seen}", found, views["concept"], numbers)
            self._observed(subject, name, made["channel"], numbers)
            start = ascent.parametrisation.start(subject.statistics, 1, 0, torch.device("cpu"))
            numbers.add({"FreeParameters": [start.parameter.numel()]}, [0], name)
        names = subject.test.classes
        told = {
            "classes": list(names[: self.kept]),
            "channels": self.drawn_channels(subject.layer, subject.test)[: self.kept],
            "concept_class": names[found[0][0]],
            "concepts": _commonest(found[0][1], self.kept),
            "layer": subject.layer.name,
            "methods": list(self.methods),
        }
        return numbers, kept, told

    def _pictures(
        self,
        subject: Subject,
        ascent: Ascent,
        found: Sequence[tuple[int, Concepts, Tensor]],
        images: Tensor,
    ) -> dict[str, Pictures]:
        """Pictures of every kind by one method."""
        statistics, size = subject.statistics, subject.statistics.size

        def make(how: Ascent, objective: Objective, start: int = 0) -> Pictures:
            return how(objective, statistics, size, self.seed + start)

        of_logits = logits(subject.model, self._classes(subject))
        whole = replace(ascent, crops=self.whole, canvas=1.0)
        banks = [concepts.dictionary.atoms for _, concepts, _ in found]
        of_concepts = concept_pictures(subject.layer, banks, statistics, ascent, self.seed)
        return {
            "logit": _joined([make(ascent, of_logits, start) for start in range(self.starts)]),
            "channel": make(
                ascent, channels(subject.layer, self.drawn_channels(subject.layer, subject.test))
            ),
            "concept": _joined(of_concepts),
            "inversion": make(whole, inversion(subject.layer, images)),
        }

    def _classes(self, subject: Subject) -> range:
        """The classes whose logits are drawn."""
        return range(min(self.logits, len(subject.test.classes)))

    def drawn_channels(self, layer: Layer, test: ImageSet) -> list[int]:
        """Channels that respond to test images at all, the same distance apart."""
        some = test.batch(range(min(len(test), 256)))
        alive = (layer.pooled(some).std(0) > 0).nonzero()[:, 0]
        steps = torch.linspace(0, len(alive) - 1, min(self.channels, len(alive)))
        return [int(c) for c in alive[steps.long()]]

    def _to_invert(self, subject: Subject) -> Tensor:
        """The first test image of each of the first classes."""
        labels = subject.test.labels
        first = [
            int((labels == c).int().argmax())
            for c in range(len(subject.test.classes))[: self.inverted]
        ]
        return subject.test.batch(first)

    def _concepts(self, subject: Subject) -> Iterator[tuple[int, Concepts, Tensor]]:
        """The concepts of each of the first classes, with the images they were fitted on."""
        device = next(subject.model.parameters()).device
        given = predict(subject.model, subject.train, device=device)
        done = 0
        for target in range(len(subject.train.classes)):
            chosen = predicted_as(given, target, self.fit_images)
            if len(chosen) >= 2 and done < self.classes:
                done += 1
                images = subject.train.batch(chosen)
                yield target, self.craft.fit(subject.layer, images), images

    def _views(
        self, ascent: Ascent, made: Mapping[str, Pictures], size: tuple[int, int]
    ) -> dict[str, dict[str, Tensor]]:
        """What networks are shown of pictures: all of each; and crops, as the ascent saw them.

        Returns:
            "" and `SEEN` → kind → (v, n, C, h, w), at the size of the networks' input.
        """
        whole = {kind: resize(pictures.images, size)[None] for kind, pictures in made.items()}
        generator = torch.Generator().manual_seed(self.seed)
        law = replace(ascent.crops, count=VIEWS)
        seen = {}
        for kind in ("logit", "channel", "concept"):
            images = made[kind].images
            canvas = (images.shape[2], images.shape[3])
            crops = law.draw(1.0, canvas, size, generator)
            seen[kind] = torch.stack([crop(images) for crop in crops])
        return {"": whole, SEEN: seen}

    def _selective(
        self,
        name: str,
        kind: str,
        found: Sequence[tuple[int, Concepts, Tensor]],
        views: Tensor,
        numbers: Numbers,
    ) -> None:
        """Whether each concept's picture shows it more than the class's other concepts."""
        parts = torch.split(views, [concepts.k for _, concepts, _ in found], 1)
        size = (views.shape[3], views.shape[4])
        for (target, concepts, _), own in zip(found, parts, strict=True):
            responses = concept_responses(concepts, own.flatten(0, 1), size)
            mean = responses.view(*own.shape[:2], concepts.k).mean(0)
            units = [target * APART + concept for concept in range(concepts.k)]
            numbers.add({"Selective": selective(mean)}, units, name, kind)

    def _observed(self, subject: Subject, name: str, pictures: Pictures, numbers: Numbers) -> None:
        """Whether a machine tells from a channel's picture which image it responds to more."""
        chosen = self.drawn_channels(subject.layer, subject.test)
        queries = subject.test.batch(range(min(len(subject.test), QUERIES)))
        responses = subject.layer.pooled(queries)[:, chosen]
        generator = torch.Generator().manual_seed(self.seed)
        right = observer_choices(
            pictures.images, queries, responses, self.trials, generator, subject.statistics.size
        )
        units = [i * APART + trial for i in range(len(chosen)) for trial in range(self.trials)]
        numbers.add({"ObserverAccuracy": right.flatten()}, units, name, "channel")

    def _examples(
        self, subject: Subject, found: Sequence[tuple[int, Concepts, Tensor]]
    ) -> dict[str, Tensor]:
        """Real images that respond most to what the figures show."""
        device = next(subject.model.parameters()).device
        given = predict(subject.model, subject.test, device=device)
        queries = subject.test.batch(range(min(len(subject.test), QUERIES)))
        responses = subject.layer.pooled(queries)
        shown = self.drawn_channels(subject.layer, subject.test)[: self.kept]
        kept = {
            "logit.example": subject.test.batch(given[:, : self.kept].argmax(0)),
            "channel.example": queries[responses[:, shown].argmax(0)],
        }
        for _, concepts, images in found[:1]:
            most = [concepts.top(i, 1).cut(images) for i in _commonest(concepts, self.kept)]
            kept["concept.example"] = torch.cat(most)
        return kept

    def _shown(
        self, kind: str, name: str, pictures: Pictures, few: list[int] | None
    ) -> dict[str, Tensor]:
        few = few or list(range(self.inverted if kind == "inversion" else self.kept))
        return {
            f"{kind}.{name}": stretched(pictures.images[few]),
            f"{kind}.{name}.alpha": transparency(pictures.alpha[few]),
        }


def _joined(parts: Sequence[Pictures]) -> Pictures:
    return Pictures(
        torch.cat([part.images for part in parts]),
        torch.cat([part.alpha for part in parts]),
        torch.cat([part.history for part in parts], 1),
    )


def _commonest(concepts: Concepts, count: int) -> list[int]:
    """The concepts that crops show most on average, in units of their largest coefficient."""
    share = concepts.codes.mean(0) / concepts.codes.amax(0).clamp(min=1e-12)
    return [int(c) for c in share.argsort(descending=True, stable=True)[:count]]


def _curve(name: str, frequencies: Tensor, power: Tensor) -> dict[str, Tensor]:
    return {f"frequencies.{name}": frequencies.double(), f"power.{name}": power.double()}
