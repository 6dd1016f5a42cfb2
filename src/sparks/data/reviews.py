"""Short reviews made from templates, whose deciding words are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sparks.checks import between, whole
from sparks.data.texts import TextSet, encode, vocabulary_of
from sparks.errors import SparksError

CLASSES = ("negative", "positive")

_ADJECTIVES = {
    "positive": "good great wonderful brilliant moving funny clever charming superb delightful",
    "negative": "bad awful terrible dull boring weak clumsy painful dreadful tedious",
}
_VERBS = {
    "positive": "loved enjoyed admired liked praised",
    "negative": "hated disliked regretted loathed resented",
}
# Said of the same things in the same places, also behind a "not", and no sign of either class.
_NEUTRAL = "long short loud quiet french modern old colourful local dark bright complicated"
_SUBJECTS = (
    "film story plot acting music script ending dialogue camera cast director scenery pace sound "
    "editing wardrobe opening hero villain lighting"
)
_DEGREES = "very really quite rather particularly especially that too"
_PEOPLE = "i we they everyone critics viewers"
_NEGATORS = "not never hardly"
_NEGATORS_OF_VERBS = "never hardly"
_OPENINGS = (
    "",
    "last night",
    "to be honest",
    "in my opinion",
    "on the whole",
    "for the record",
    "as expected",
)


class Clause(NamedTuple):
    """A few words, and for each of them whether it decides the class."""

    words: list[str]
    decides: list[bool]


@dataclass(frozen=True)
class Reviews:
    """Builder of short reviews, two classes, made from templates, with the deciding words as truth.

    A review is one or two opinions and one or two neutral clauses in random order. An opinion is
    a keyword of the class ("the plot was very good", "we loved the cast"), or, with probability
    `negated`, one of the other class behind a negator ("the plot was not very bad"): then both
    words decide, together. Neutral clauses hold negators as well, so none is evidence by itself.

    Attributes:
        n_train: number of training texts.
        n_test: number of test texts.
        vocabulary: number of words that are known at most, the two special ones included.
        length: number of words of a text at most; longer texts are cut.
        negated: probability that an opinion is negated, in [0, 1].
        seed: of the texts.

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        >>> texts = Reviews(n_train=20, n_test=6)()["test"]
        >>> texts.classes, texts.labels.tolist()
        (('negative', 'positive'), [0, 1, 0, 1, 0, 1])
        >>> bool(texts.keywords.any(1).all())  # every text has words that decide
        True
    """

    n_train: int = 6000
    n_test: int = 1000
    vocabulary: int = 256
    length: int = 32
    negated: float = 0.4
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 2, "n_train", "n_test")
        whole(self, 1, "length", "vocabulary")
        between(self, 0, 1, "negated", ends=True)
        whole(self, 0, "seed")

    def __call__(self) -> dict[str, TextSet]:
        """Build the splits "train" and "test".

        Raises:
            SparksError: when `negated` is no probability.
        """
        if not 0 <= self.negated <= 1:
            raise SparksError(f"reviews: negated is {self.negated}: it must lie in [0, 1]")
        streams = np.random.SeedSequence(self.seed).spawn(2)
        sizes = {"train": self.n_train, "test": self.n_test}
        texts = {
            split: self._texts(size, np.random.Generator(np.random.PCG64(stream)))
            for (split, size), stream in zip(sizes.items(), streams, strict=True)
        }
        known = vocabulary_of((text.words for text in texts["train"]), self.vocabulary)
        return {split: self._encoded(made, known) for split, made in texts.items()}

    def _texts(self, n: int, generator: np.random.Generator) -> list[Clause]:
        """Return the texts of alternating classes."""
        return [self._text(CLASSES[i % 2], generator) for i in range(n)]

    def _text(self, label: str, generator: np.random.Generator) -> Clause:
        opinions = [self._opinion(label, generator) for _ in range(generator.integers(1, 3))]
        neutral = [_description(_NEUTRAL, 0.4, generator) for _ in range(generator.integers(1, 3))]
        clauses = [*opinions, *(Clause(c.words, [False] * len(c.words)) for c in neutral)]
        opening = _OPENINGS[generator.integers(len(_OPENINGS))].split()
        words, decides = opening, [False] * len(opening)
        for place, number in enumerate(generator.permutation(len(clauses))):
            joint = ["and"] if place else []
            words = [*words, *joint, *clauses[number].words]
            decides = [*decides, *(False for _ in joint), *clauses[number].decides]
        return Clause(words, decides)

    def _opinion(self, label: str, generator: np.random.Generator) -> Clause:
        negate = generator.random() < self.negated
        said = CLASSES[1 - CLASSES.index(label)] if negate else label
        if generator.random() < 0.6:
            return _description(_ADJECTIVES[said], float(negate), generator)
        negator = [_pick(_NEGATORS_OF_VERBS, generator)] if negate else []
        words = [_pick(_PEOPLE, generator), *negator, _pick(_VERBS[said], generator)]
        decides = [False, *(True for _ in negator), True]
        return Clause([*words, "the", _pick(_SUBJECTS, generator)], [*decides, False, False])

    def _encoded(self, texts: Sequence[Clause], vocabulary: tuple[str, ...]) -> TextSet:
        tokens = encode([text.words for text in texts], vocabulary, self.length)
        return TextSet(
            tokens=tokens,
            labels=torch.arange(len(texts)) % 2,
            classes=CLASSES,
            vocabulary=vocabulary,
            keywords=_padded([text.decides for text in texts], tokens.shape[1]),
        )


def _description(adjectives: str, negated: float, generator: np.random.Generator) -> Clause:
    """Compose the clause `the SUBJECT was [not] [very] ADJECTIVE`; adjective and negator decide."""
    negator = [_pick(_NEGATORS, generator)] if generator.random() < negated else []
    degree = [_pick(_DEGREES, generator)] if generator.random() < 0.5 else []
    words = ["the", _pick(_SUBJECTS, generator), "was", *negator, *degree]
    decides = [False] * 3 + [True] * len(negator) + [False] * len(degree)
    return Clause([*words, _pick(adjectives, generator)], [*decides, True])


def _pick(words: str, generator: np.random.Generator) -> str:
    choices = words.split()
    return choices[generator.integers(len(choices))]


def _padded(rows: Sequence[Sequence[bool]], length: int) -> Tensor:
    padded = torch.zeros(len(rows), length, dtype=torch.bool)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = torch.tensor(values[:length])
    return padded
