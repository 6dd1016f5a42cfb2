"""Machine tests of the coherence of concepts, and of the simulated observer itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sparks.concepts.bank import Concepts
from sparks.concepts.ground_truth import largest_parts
from sparks.concepts.observer import forced_choice, intruder
from sparks.concepts.planted import (
    LEAST,
    OPACITIES,
    choice_answers,
    galleries,
    intruder_answers,
)
from sparks.data.imageset import ImageSet
from sparks.results import MetricRecorder

if TYPE_CHECKING:
    from sparks_thesis.craft.study import CraftStudy, OneClass

PLANTED = 500  # training images, at most, that planted galleries are made of


def coherence(
    study: CraftStudy, one: OneClass, concepts: Concepts, recorder: MetricRecorder
) -> None:
    """Test the coherence of concepts, and of sub-concepts one layer before."""
    seen = [_embedded(study, one, concepts, c) for c in range(concepts.k)]
    foreign = [torch.cat([g for i, g in enumerate(seen) if i != own]) for own in range(len(seen))]
    answers = intruder(seen, foreign, study.trials, study.seed)
    _answers(one, "IntruderAccuracy", "concept", answers, recorder)
    _parts(study, one, concepts, recorder)
    if len(one.concepts) < 2:
        return
    order = concepts.codes.mean(0).argsort(descending=True, stable=True)[: study.refined]
    groups, others, pairs = [], [], []
    for concept in order.tolist():
        codes = concepts.codes[:, concept]
        if int((codes >= codes.quantile(study.craft.quantile)).sum()) < study.craft.finer:
            continue
        finer = study.craft.refine(concepts, concept, one.concepts[1].layer, one.fit)
        for sub in range(finer.k):
            groups.append(_embedded(study, one, finer, sub))
            others.append(foreign[concept])
            pairs.append((groups[-1], seen[concept]))
    answers = intruder(groups, others, study.trials, study.seed)
    _answers(one, "IntruderAccuracy", "sub-concept", answers, recorder)
    chosen = forced_choice(pairs, study.trials, study.seed)
    _answers(one, "BinaryChoiceRate", "sub-concept", chosen, recorder)


def observer(study: CraftStudy, images: ImageSet, recorder: MetricRecorder) -> None:
    """Ask the observer of the machine tests about planted galleries of training images."""
    if len(images) < LEAST:
        return
    some = images.batch(range(min(len(images), PLANTED)))
    tests = {"PlantedIntruder": intruder_answers, "PlantedChoice": choice_answers}
    for opacity in OPACITIES:
        groups = [study.embedding(group) for group in galleries(some, opacity, study.seed)]
        for metric, ask in tests.items():
            # As many trials as in ten concepts, so that the ends of the curve are narrow.
            answers = ask(groups, 10 * study.trials, study.seed)
            units = {"trial": range(len(answers)), "amount": opacity}
            recorder.add({metric: answers}, method="machine", **units)


def _parts(study: CraftStudy, one: OneClass, concepts: Concepts, recorder: MetricRecorder) -> None:
    """Ask for the intruder among crops that show one part, where parts are known."""
    if one.fit_parts is None:
        return
    largest, groups = largest_parts(concepts.crops, one.fit_parts), []
    for part in torch.unique(largest[largest >= 0]):
        chosen = concepts.crops[(largest == part).nonzero()[: study.crops, 0]]
        groups.append(study.embedding(chosen.cut(one.fit)))
    if len(groups) > 1:
        answers = intruder_answers(groups, study.trials, study.seed)
        _answers(one, "PartsIntruder", "true part", answers, recorder)


def _embedded(study: CraftStudy, one: OneClass, concepts: Concepts, concept: int) -> Tensor:
    return study.embedding(concepts.top(concept, study.crops).cut(one.fit))


def _answers(
    one: OneClass, metric: str, granularity: str, answers: Tensor, recorder: MetricRecorder
) -> None:
    units = {"target": one.target, "trial": range(len(answers))}
    recorder.add({metric: answers}, method="machine", granularity=granularity, **units)
