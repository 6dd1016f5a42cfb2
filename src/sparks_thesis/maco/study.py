"""Pictures of a model by each method, and their scores, for MACO's figures, tables and claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from sparks.checks import whole
from sparks.concepts.bank import Concepts
from sparks.concepts.banks import ConceptSource
from sparks.concepts.planted import OPACITIES
from sparks.concepts.sanity import untrained
from sparks.errors import SparksError
from sparks.results import ITSELF, MetricRecorder
from sparks.stats import Bootstrap
from sparks.visualization.crops import Crops, resize
from sparks.visualization.evaluators import NATURAL, Evaluator, Evaluators
from sparks.visualization.objectives import channels, inversion, logits
from sparks.visualization.of_concepts import concept_pictures
from sparks.visualization.optimise import Ascent, Pictures
from sparks.visualization.scores import (
    concept_responses,
    observer_choices,
    planted_choices,
    selective,
)
from sparks.visualization.subject import Display, Subject, curve
from sparks_thesis.maco import SEEN, VIEWS

# Labels of controls.
NOISE, UNTRAINED = "uniform noise", "{}, untrained network"
OWN, OTHER = "crops of the concept", "crops of another concept"


@dataclass(frozen=True, eq=False)
class Goals:
    """Objectives that every method visualises.

    Attributes:
        classes: whose logits.
        channels: of the layer.
        found: classes, their concepts, and the images these were fitted on.
        images: whose activations are inverted.
    """

    classes: range
    channels: Sequence[int]
    found: Sequence[tuple[int, Concepts, Tensor]]
    images: Tensor


@dataclass(frozen=True, kw_only=True)
class MacoStudy:
    """Settings of the evaluation of MACO.

    Attributes:
        methods: name → how pictures are made; None leaves a method out.
        whole: crops for inversion: places correspond only where the network sees all of a picture.
        logits: classes drawn, at most.
        starts: pictures of each class, from as many seeds.
        classes: whose concepts are drawn, at most.
        channels: drawn, the same distance apart.
        inverted: test images whose activations are inverted.
        trials: in which an observer tells what a channel responds to.
        references: real images, at most, that pictures are compared with.
        kept: pictures of each kind for the figures.
        bootstrap: of the Fréchet distance, over pictures.
        seed: of the first start, and of all else.
    """

    methods: Mapping[str, Ascent | None]
    whole: Crops
    logits: int = 1000
    starts: int = 1
    classes: int = 10
    channels: int = 8
    inverted: int = 4
    trials: int = 20
    references: int = 5000
    kept: int = 3
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "logits", "starts", "classes", "channels", "trials", "references")
        whole(self, 0, "inverted", "kept", "seed")
        if not self.used:
            raise SparksError("MacoStudy: every one of its methods is left out: keep one")

    @property
    def used(self) -> dict[str, Ascent]:
        """The methods that are not left out."""
        return {name: ascent for name, ascent in self.methods.items() if ascent is not None}

    def run(
        self, subject: Subject, others: Sequence[Evaluator], source: ConceptSource
    ) -> tuple[MetricRecorder, dict[str, Tensor], dict[str, Any]]:
        """Make and score the pictures of every method.

        Args:
            subject: what is drawn.
            others: other networks, trained on the same images; the first gives the features that
                pictures are compared with real images by.
            source: gives the concepts of the subject's classes, at its layer.

        Returns:
            The numbers; and for figures, each with `kept` pictures: "KIND.METHOD" (n, C, H, W),
            stretched, "KIND.METHOD.alpha" (n, H, W), "inverted" (n, C, h, w), and radial powers
            "power.METHOD", "frequencies.METHOD" (B,). Besides, what these are of, by name.
        """
        goals = self._goals(subject, source)
        display = self._display(subject, goals)
        recorder, kept = MetricRecorder(), display.examples() | {"inverted": goals.images}
        own = Evaluator(ITSELF, subject.model, subject.layer)
        evaluators = Evaluators.of(subject, own, others, self.references, self.bootstrap)
        evaluators.natural(len(goals.classes) * self.starts, recorder)
        kept |= curve(NATURAL, subject.statistics.frequencies, subject.statistics.power)
        for name, ascent in self.used.items():
            made = self._pictures(subject, ascent, goals)
            for kind, pictures in made.items():
                kept |= display.pictures(kind, name, pictures)
                evaluators.spectrum(name, kind, pictures.images, recorder)
            kept |= curve(name, *evaluators.power(made["logit"].images))
            for seen, views in self._views(ascent, made, subject.size).items():
                self._judged(evaluators, goals, name, seen, views, recorder)
            self._observed(subject, goals, name, made["channel"], recorder)
            start = ascent.parametrisation.start(subject.statistics, 1, 0, torch.device("cpu"))
            recorder.add({"FreeParameters": [start.parameter.numel()]}, method=name)
        self._controls(evaluators, subject, goals, recorder)
        return recorder, kept, display.metadata() | {"methods": list(self.used)}

    def _goals(self, subject: Subject, source: ConceptSource) -> Goals:
        found: list[tuple[int, Concepts, Tensor]] = []
        for target in source.classes:
            if len(found) == self.classes:
                break
            bank = source(subject.layer, target)
            if len(bank.index) >= 2:
                images = subject.train.batch(bank.index)
                found.append((target, bank.at(subject.layer), images))
        if not found:
            raise SparksError("no class has 2 training images predicted as it: train the model")
        return Goals(
            classes=range(min(self.logits, len(subject.test.classes))),
            channels=subject.channels(self.channels),
            found=found,
            images=subject.one_of_each(self.inverted),
        )

    def _display(self, subject: Subject, goals: Goals) -> Display:
        target, concepts, images = goals.found[0]
        shown = goals.channels[: self.kept]
        return Display(subject, shown, concepts, images, target, self.kept)

    def _pictures(self, subject: Subject, ascent: Ascent, goals: Goals) -> dict[str, Pictures]:
        """Return pictures of every kind by one method."""
        layer, statistics = subject.layer, subject.statistics
        drawn = (statistics, subject.size)
        whole = replace(ascent, crops=self.whole, canvas=1.0, seen=None)
        of_logits = logits(subject.model, goals.classes)
        seeds = range(self.seed, self.seed + self.starts)
        banks = [concepts.dictionary.atoms for _, concepts, _ in goals.found]
        return {
            "logit": _joined([ascent(of_logits, *drawn, seed) for seed in seeds]),
            "channel": ascent(channels(layer, goals.channels), *drawn, self.seed),
            "concept": _joined(concept_pictures(layer, banks, statistics, ascent, self.seed)),
            "inversion": whole(inversion(layer, goals.images), *drawn, self.seed),
        }

    def _judged(
        self,
        evaluators: Evaluators,
        goals: Goals,
        name: str,
        seen: str,
        views: Mapping[str, Tensor],
        recorder: MetricRecorder,
    ) -> None:
        """Score the views of every kind of picture by the evaluators."""
        for kind, view in views.items():
            evaluators.likeness(name, kind, seen, view, recorder)
        classes = torch.tensor(list(goals.classes)).repeat(self.starts)
        evaluators.classes(name, seen, views["logit"], classes, recorder)
        self._selective(name, seen, goals.found, views["concept"], recorder)

    def _views(
        self, ascent: Ascent, made: Mapping[str, Pictures], size: tuple[int, int]
    ) -> dict[str, dict[str, Tensor]]:
        """Return the views of pictures to be scored: whole pictures, and crops as in the ascent.

        Returns:
            "" and `SEEN` → kind → (v, n, C, h, w), at the size of the networks' input.
        """
        whole = {kind: resize(pictures.images, size)[None] for kind, pictures in made.items()}
        generator = torch.Generator().manual_seed(self.seed)
        law = replace(ascent.crops, count=VIEWS)
        seen = {}
        for kind in (kind for kind in ("logit", "channel", "concept") if kind in made):
            images = made[kind].images
            canvas = (images.shape[2], images.shape[3])
            seen[kind] = law.draw(1.0, canvas, size, generator)(images)
        return {"": whole, SEEN: seen}

    def _controls(
        self, evaluators: Evaluators, subject: Subject, goals: Goals, recorder: MetricRecorder
    ) -> None:
        """Score what knows nothing of the network, and what knows the answer.

        Noise, and pictures of the logits of an untrained network by the first method, in place of
        pictures of logits; pictures of concepts are replaced by crops that show the concept itself,
        and by crops that show the next one. The observer is shown planted pictures.
        """
        classes, size = goals.classes, subject.size
        generator = torch.Generator().manual_seed(self.seed)
        shape = (len(classes), subject.test.batch([0]).shape[1], *size)
        noise = torch.rand(shape, generator=generator)
        evaluators.spectrum(NOISE, "logit", noise, recorder)
        name, ascent = next(iter(self.used.items()))
        blank = untrained(subject.model, self.seed)
        statistics = subject.statistics
        made = ascent(logits(blank, classes), statistics, size, self.seed)
        views = self._views(ascent, {"logit": made}, size)
        for seen, view in views.items():
            targets = torch.tensor(list(classes))
            for label, own in ((NOISE, noise[None]), (UNTRAINED.format(name), view["logit"])):
                evaluators.likeness(label, "logit", seen, own, recorder)
                evaluators.classes(label, seen, own, targets, recorder)
            crops = [
                torch.cat([resize(c.top(i, 1).cut(x), size) for i in range(c.k)])
                for _, c, x in goals.found
            ]
            moved = [crop.roll(1, 0) for crop in crops]
            for label, each in ((OWN, crops), (OTHER, moved)):
                self._selective(label, seen, goals.found, torch.cat(each)[None], recorder)
        planted = planted_choices(subject.queries, OPACITIES, self.trials, self.seed)
        for opacity, answers in planted.items():
            units = {"trial": range(len(answers)), "amount": opacity}
            recorder.add({"PlantedPicture": answers}, method="machine", **units)

    def _selective(
        self,
        name: str,
        seen: str,
        found: Sequence[tuple[int, Concepts, Tensor]],
        views: Tensor,
        recorder: MetricRecorder,
    ) -> None:
        """Score whether each concept's picture activates it more than the class's others."""
        parts = torch.split(views, [concepts.k for _, concepts, _ in found], 1)
        size = (views.shape[3], views.shape[4])
        for (target, concepts, _), own in zip(found, parts, strict=True):
            responses = concept_responses(concepts, own.flatten(0, 1), size)
            mean = responses.view(*own.shape[:2], concepts.k).mean(0)
            known = {"method": name, "objective": "concept", "view": seen}
            units = {"target": target, "concept": range(concepts.k)}
            recorder.add({"Selective": selective(mean)}, **known, **units)

    def _observed(
        self,
        subject: Subject,
        goals: Goals,
        name: str,
        pictures: Pictures,
        recorder: MetricRecorder,
    ) -> None:
        """Score whether a simulated observer picks the image that a channel responds to more."""
        queries, drawn = subject.queries, list(goals.channels)
        responses = subject.responses[:, drawn]
        generator = torch.Generator().manual_seed(self.seed)
        right = observer_choices(
            pictures.images, queries, responses, self.trials, generator, subject.size
        )
        for channel, answers in enumerate(right.view(len(drawn), self.trials)):
            units = {"channel": channel, "trial": range(self.trials)}
            known = {"method": name, "objective": "channel"}
            recorder.add({"ObserverAccuracy": answers}, **known, **units)


def _joined(parts: Sequence[Pictures]) -> Pictures:
    return Pictures(
        torch.cat([part.images for part in parts]),
        torch.cat([part.alpha for part in parts]),
        torch.cat([part.history for part in parts], 1),
    )
