"""A scenario: a model on a data set, the images of every session, explanations of the examples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sparks.checks import whole
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.io import load_tensors, save_tensors, tensor_provenance

# Conditions that are no map; every other one is the name of an attribution method.
BASELINE, CONCEPTS = "baseline", "concepts"


class Seen(NamedTuple):
    """Images, and the class that the model gives each: int64 (N,)."""

    images: ImageSet
    predicted: Tensor


class Plan(NamedTuple):
    """Assignment of images to sessions.

    Attributes:
        classes: what participants choose from, as numbers of the data set's classes.
        examples: (sessions, examples), indices into the images with explanations.
        questions: (sessions, questions), indices into the test images.
    """

    classes: tuple[int, ...]
    examples: Tensor
    questions: Tensor


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Design of the experiment for each participant; the defaults are the paper's (section 4).

    Attributes:
        sessions: one after the other, examples then questions.
        examples: of each session, with explanations.
        questions: of each session, without.
        seed: of the choice of images.
    """

    sessions: int = 3
    examples: int = 5
    questions: int = 7
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "sessions", "examples", "questions")
        whole(self, 0, "seed")

    def plan(self, shown: Seen, asked: Seen, classes: Sequence[str] | None = None) -> Plan:
        """Choose the images of every session.

        An image can be chosen if the model gives it one of the classes. Classes, and right and
        wrong answers of the model, take turns as long as there are some of each (the paper shows
        half of each); images of other classes, which the model takes for one of these, come last.
        No image is seen twice.

        Args:
            shown: the images that have explanations.
            asked: the images that questions are taken from.
            classes: by name; None for the two of which the model mixes up most images, among those
                with enough images.

        Raises:
            SparksError: when a class is unknown, or there are not enough images.
        """
        names = shown.images.classes
        if classes is None:
            chosen: tuple[int, ...] = self._mixed_up(shown, asked)
        elif unknown := [name for name in classes if name not in names]:
            raise SparksError(f"study.classes names {unknown[0]!r}; the data set has {list(names)}")
        elif len(set(classes)) < 2:
            raise SparksError("study.classes needs two different classes at least")
        else:
            chosen = tuple(names.index(name) for name in classes)
        generator = torch.Generator().manual_seed(self.seed)
        seen: set[bytes] = set()
        examples = self._take(shown, chosen, self.examples, seen, generator, "explained")
        questions = self._take(asked, chosen, self.questions, seen, generator, "test")
        return Plan(chosen, examples, questions)

    def _mixed_up(self, shown: Seen, asked: Seen) -> tuple[int, int]:
        number = len(shown.images.classes)
        explained = shown.predicted.bincount(minlength=number)
        tested = asked.predicted.bincount(minlength=number)
        examples = self.sessions * self.examples
        # The examples may be among the test images, and are not asked about.
        questions = self.sessions * self.questions + examples
        enough = (explained[:, None] + explained >= examples).triu(1)
        enough &= tested[:, None] + tested >= questions
        if not enough.any():
            raise SparksError(
                f"no two classes are predicted for {examples} of the explained images "
                f"({len(shown.predicted)}) and {questions} of the test images "
                f"({len(asked.predicted)}), as the study needs: raise explain.n, lower "
                "study.protocol.examples or sessions, or name more classes in study.classes"
            )
        confused = torch.zeros(number, number, dtype=torch.int64)
        wrong = asked.predicted != asked.images.labels
        pairs = (asked.images.labels[wrong], asked.predicted[wrong])
        confused.index_put_(pairs, torch.ones_like(pairs[0]), accumulate=True)
        mixed = (confused + confused.T).masked_fill(~enough, -1)
        first, second = divmod(int(mixed.argmax()), number)
        return first, second

    def _take(
        self, pool: Seen, classes: Sequence[int], each: int, seen: set[bytes],
        generator: torch.Generator, what: str,
    ) -> Tensor:  # fmt: skip
        """Take images for all sessions, (sessions, each); `seen` holds digests of those in use."""
        wanted = self.sessions * each
        taken: list[int] = []
        for index in _turns(pool, classes, generator):
            if len(taken) == wanted:
                break
            digest = hashlib.sha256(_pixels(pool.images, [index]).numpy().tobytes()).digest()
            if digest not in seen:
                seen.add(digest)
                taken.append(index)
        if len(taken) < wanted:
            names = [pool.images.classes[c] for c in classes]
            raise SparksError(
                f"the study needs {wanted} {what} images that the model takes for one of {names}, "
                f"there are {len(taken)}: raise explain.n (or the test images), lower "
                "study.protocol, or name other classes in study.classes"
            )
        rows = torch.tensor(taken).reshape(self.sessions, each)
        # Turns must not be seen in the order within a session.
        return torch.stack([row[torch.randperm(each, generator=generator)] for row in rows])


def _turns(pool: Seen, classes: Sequence[int], generator: torch.Generator) -> Iterator[int]:
    """Yield images of the cells (class, right or wrong) in turns."""
    right = pool.predicted == pool.images.labels
    at_home = torch.isin(pool.images.labels, torch.tensor(classes))
    cells = []
    for turn in (0, 1):
        for place, number in enumerate(classes):
            of_cell = (pool.predicted == number) & (right == ((place + turn) % 2 == 0))
            members = of_cell.nonzero().flatten()
            members = members[torch.randperm(len(members), generator=generator)]
            cells.append(members[(~at_home[members]).int().argsort(stable=True)].tolist())
    for row in zip_longest(*cells):
        yield from (index for index in row if index is not None)


def _pixels(images: ImageSet, indices: Sequence[int] | Tensor) -> Tensor:
    pixels = images.subset(indices).materialise().images
    assert pixels is not None
    return pixels


@dataclass(frozen=True, eq=False)
class Scenario:
    """Material that participants see of one model on one data set; the first images are examples.

    Attributes:
        name: data set and model.
        classes: names of the classes that participants choose from.
        conditions: name → label in tables, the baseline first.
        tensors: uint8 "images" (n, C, H, W); "session" (n,), from 1; bool "example" and "right"
            (n,); "says" (n,), the model's output as an index into `classes`; for e examples, uint8
            "map.NAME" (e, H, W) for every method; and for m concepts uint8 "concepts.seen"
            (e, m, H, W), "concepts.crops" (e, m, k, C, s, s), "concepts.share" (e, m), 0 where
            there is no more concept.
    """

    name: str
    classes: tuple[str, ...]
    conditions: Mapping[str, str]
    tensors: Mapping[str, Tensor]

    @staticmethod
    def of_plan(
        name: str, plan: Plan, shown: Seen, asked: Seen, conditions: Mapping[str, str],
        explanations: Mapping[str, Tensor],
    ) -> Scenario:  # fmt: skip
        """Put together what `Protocol.plan` chose; `explanations` are those of its examples."""
        pools = ((shown, plan.examples, True), (asked, plan.questions, False))
        flat = [(seen, rows.flatten()) for seen, rows, _ in pools]
        predicted = torch.cat([seen.predicted[index] for seen, index in flat])
        labels = torch.cat([seen.images.labels[index] for seen, index in flat])
        session = [torch.arange(len(rows)).repeat_interleave(rows.shape[1]) for _, rows, _ in pools]
        example = [torch.full((rows.numel(),), kind) for _, rows, kind in pools]
        tensors = {
            "images": torch.cat([_pixels(seen.images, index) for seen, index in flat]),
            "session": torch.cat(session) + 1,
            "example": torch.cat(example),
            "says": torch.tensor([plan.classes.index(int(c)) for c in predicted]),
            "right": predicted == labels,
            **explanations,
        }
        names = tuple(shown.images.classes[c] for c in plan.classes)
        return Scenario(name, names, dict(conditions), tensors)

    @property
    def summary(self) -> str:
        """Classes, and how often the model is right, on one line."""
        right = self.tensors["right"].float().mean()
        classes = " or ".join(self.classes)
        return f"{self.name}: {classes}; the model is right on {right:.0%} of the images"

    @property
    def metadata(self) -> dict[str, Any]:
        """Fields that are not tensors."""
        return {
            "name": self.name,
            "classes": list(self.classes),
            "conditions": [list(condition) for condition in self.conditions.items()],
        }

    def digest(self) -> bytes:
        """Digest what participants see: another digest is another study."""
        made = hashlib.sha256(json.dumps(self.metadata).encode())
        for name, tensor in sorted(self.tensors.items()):
            made.update(f"{name} {tuple(tensor.shape)}".encode() + tensor.numpy().tobytes())
        return made.digest()

    def save(self, path: str | Path, provenance: Mapping[str, Any] | None = None) -> None:
        """Write the scenario to one file."""
        save_tensors(path, self.tensors, {**(provenance or {}), "scenario": self.metadata})

    @staticmethod
    def load(path: str | Path) -> Scenario:
        """Read what `save` wrote.

        Raises:
            SparksError: when the file holds no scenario.
        """
        metadata = tensor_provenance(path).get("scenario")
        if metadata is None:
            raise SparksError(
                f"{path} is no scenario of a study: delete it and run `snakemake study`"
            )
        conditions = dict(metadata["conditions"])
        return Scenario(
            metadata["name"], tuple(metadata["classes"]), conditions, load_tensors(path)
        )
