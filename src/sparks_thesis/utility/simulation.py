"""Simulated participants in the paper's protocol: sessions of training and test, between subjects.

Each participant is a learner in one condition. In each session some explained examples are added
to those already seen (all stay in sight, as the paper's reservoir), then new images are asked
about. Participants differ in the examples and questions that they get by chance, and nothing else;
so more participants make smaller intervals, not other means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sparks.checks import whole
from sparks.errors import SparksError
from sparks.results import as_results
from sparks.utility.answers import BASELINE, COLUMNS, session_accuracies
from sparks_thesis.utility.cells import CellFeatures, Floats, Gaze, attention, standardised
from sparks_thesis.utility.learners import Evidence, Ints, Learner, answers


@dataclass(frozen=True)
class Scenario:
    """Material that simulated participants see and are tested on.

    Attributes:
        name: in the answers.
        cells: of the images that are explained (N, C, d).
        attention: condition → (N, C); the baseline's is the gaze alone.
        outputs: the model's decision on them, 0 or 1 (N,).
        asked: cells of the images asked about (M, C, d).
        truth: the model's decision on them (M,).
    """

    name: str
    cells: Floats
    attention: Mapping[str, Floats]
    outputs: Ints
    asked: Floats
    truth: Ints


@dataclass(frozen=True)
class Participant:
    """A learner of some kind in one condition."""

    condition: str
    kind: str
    number: int

    @property
    def name(self) -> str:
        """Unique participant ID within the scenario, ending in the number."""
        return f"{self.condition} {self.kind} {self.number}"


@dataclass(frozen=True)
class Simulation:
    """The protocol, and who takes part.

    Attributes:
        learners: kind → learner.
        features: how cells are described.
        gaze: where they look without an explanation.
        participants: of each kind, in each condition.
        sessions: how many.
        training: examples that each session adds.
        test: questions of each session.
        seed: of who sees what.
    """

    learners: Mapping[str, Learner]
    features: CellFeatures
    gaze: Gaze = field(default_factory=Gaze)
    participants: int = 30
    sessions: int = 3
    training: int = 5
    test: int = 7
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "participants", "sessions", "training", "test")
        whole(self, 0, "seed")
        if not self.learners:
            raise SparksError("Simulation: learners={} are none: name one kind or more")

    def scenario(
        self,
        name: str,
        explained: Tensor,
        maps: Mapping[str, Tensor],
        outputs: Tensor,
        asked: Tensor,
        truth: Tensor,
    ) -> Scenario:
        """Describe the images of a pool as the participants see them.

        Args:
            name: of the scenario.
            explained: images (N, C, H, W) in [0, 1].
            maps: condition → (N, H, W).
            outputs: the model's decisions on them (N,).
            asked: images (M, C, H, W).
            truth: the model's decisions on them (M,).

        Raises:
            SparksError: when there are fewer images than a participant needs.
        """
        for images, each, what in (
            (explained, self.training, "explained"),
            (asked, self.test, "asked about"),
        ):
            if len(images) < each * self.sessions:
                raise SparksError(
                    f"{name}: a participant needs {each * self.sessions} images that are {what}, "
                    f"there are {len(images)}: take more test images, or fewer a session"
                )
        known, new = self.features(explained), self.features(asked)
        gaze = self.gaze(explained)
        every = {BASELINE: torch.ones_like(gaze)} | dict(maps)
        shown = {label: attention(m, gaze, self.features.grid) for label, m in every.items()}
        return Scenario(
            name,
            standardised(known, known),
            shown,
            outputs.numpy(),
            standardised(new, known),
            truth.numpy(),
        )

    def run(self, scenario: Scenario) -> pd.DataFrame:
        """Let everyone take part; tidy rows "MetaPredictorAccuracy".

        `method` is the condition, `dataset` the scenario; participants are numbered across the
        kinds.
        """
        tables = []
        for number, (kind, learner) in enumerate(self.learners.items()):
            evidence = learner.prepared(scenario.cells)
            people = [
                Participant(condition, kind, person)
                for condition in scenario.attention
                for person in range(self.participants)
            ]
            rows = [
                dict(zip(COLUMNS, row, strict=True))
                for who in people
                for row in self._take_part(scenario, who, evidence)
            ]
            counted = session_accuracies(pd.DataFrame(rows))
            numbers = {who.name: number * self.participants + who.number for who in people}
            counted["participant"] = counted["participant"].map(numbers)
            tables.append(counted.assign(learner=kind))
        found = pd.concat(tables, ignore_index=True)
        names = {"scenario": "dataset", "condition": "method", "accuracy": "value"}
        accuracies = found.rename(columns=names).drop(columns="trials")
        return as_results(accuracies, metric="MetaPredictorAccuracy", seed=self.seed)

    def _take_part(
        self, scenario: Scenario, who: Participant, evidence: Evidence
    ) -> Iterator[tuple[object, ...]]:
        """Yield the answers of one participant, as `COLUMNS`."""
        names = [crc32(name.encode()) for name in (scenario.name, who.condition, who.kind)]
        rng = np.random.default_rng([self.seed, *names, who.number])
        shown = scenario.attention[who.condition]
        examples = alternating(rng, scenario.outputs)
        questions = rng.permutation(len(scenario.asked))
        for session in range(1, self.sessions + 1):
            seen = examples[: session * self.training]
            new = questions[(session - 1) * self.test : session * self.test]
            given = answers(
                evidence, scenario.cells[seen], shown[seen], scenario.outputs[seen],
                scenario.asked[new],
            )  # fmt: skip
            for trial, (answer, model) in enumerate(zip(given, scenario.truth[new], strict=True)):
                right = int(answer == model)
                asked = (scenario.name, session, trial)
                yield who.name, who.condition, *asked, answer, model, right


def alternating(rng: np.random.Generator, outputs: Ints) -> Ints:
    """Order examples at random, the two outputs in turn as long as there are both."""
    sides = [rng.permutation(np.flatnonzero(outputs == output)) for output in (0, 1)]
    rank = np.empty(len(outputs))
    first = int(rng.integers(2))
    for side, members in enumerate(sides):
        rank[members] = 2 * np.arange(len(members)) + (side != first)
    return np.argsort(rank, kind="stable")
