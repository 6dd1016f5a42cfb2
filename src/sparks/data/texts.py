"""A labelled set of texts as token numbers, and what is known of it.

Shapes: N texts, L tokens in the longest. A text is its words, then `PAD` up to L.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from sparks.data.stored import Stored
from sparks.errors import SparksError

PAD, UNK = 0, 1
# Stands for a word that is not in the vocabulary, and for one that an explanation removes.
SPECIAL = ("<pad>", "<unk>")

_MARKUP = re.compile(r"<!--.*?-->|<[/!?]?[a-zA-Z][^<>]*>", re.DOTALL)
_APOSTROPHES = {ord(sign): "'" for sign in "\u2019\u02bc\uff07\u00b4"}
# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, and Chinese characters.
_NO_SPACES = (
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, eq=False)
class TextSet(Stored):
    """Texts as numbers of words, labels and, where known, the words that decide.

    Attributes:
        tokens: int32 (N, L), places in `vocabulary`; `PAD` behind the last word, at least one word.
        labels: int64 (N,), indices into `classes`.
        classes: names, all different.
        vocabulary: the words, `SPECIAL` first.
        keywords: bool (N, L), the words that decide the class; None where unknown.

    Raises:
        SparksError: when the fields contradict each other.

    Example:
        >>> vocabulary = ("<pad>", "<unk>", "a", "good", "bad", "film")
        >>> tokens = torch.tensor([[2, 3, 5], [4, 0, 0]], dtype=torch.int32)
        >>> texts = TextSet(tokens, torch.tensor([1, 0]), ("negative", "positive"), vocabulary)
        >>> texts.words(0), texts.words(1), texts.lengths.tolist()
        (['a', 'good', 'film'], ['bad'], [3, 1])
    """

    _key: ClassVar[str] = "textset"
    _kind: ClassVar[str] = "text set: name a file made by the text step"

    tokens: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    vocabulary: tuple[str, ...]
    keywords: Tensor | None = None

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def in_memory(self) -> bool:
        """True: texts are always in memory."""
        return True

    @property
    def lengths(self) -> Tensor:
        """Number of words of each text, int64 (N,)."""
        return (self.tokens != PAD).sum(1)

    @property
    def wordless(self) -> Tensor:
        """Mask of the texts that have no word in the vocabulary, bool (N,)."""
        return ((self.tokens == UNK) | (self.tokens == PAD)).all(1)

    def batch(self, indices: Tensor | Sequence[int] | slice) -> Tensor:
        """Return the token numbers, int64 (B, L)."""
        return self.tokens[indices].long()

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all texts in order, with their labels: (int64 (B, L), int64 (B,))."""
        for tokens, labels in zip(
            torch.split(self.tokens, batch_size), torch.split(self.labels, batch_size), strict=True
        ):
            yield tokens.long(), labels

    def by_length(self) -> Iterator[Tensor]:
        """Yield the indices of the texts of each length, shortest first.

        Texts of one length that are explained together, cut to it, have no padding.
        """
        lengths = self.lengths
        for length in torch.unique(lengths).tolist():
            yield (lengths == length).nonzero()[:, 0]

    def words(self, index: int) -> list[str]:
        """Return the words of one text, as far as they are in the vocabulary."""
        return [self.vocabulary[token] for token in self.tokens[index].tolist() if token != PAD]

    def subset(self, indices: Tensor | Sequence[int] | slice) -> TextSet:
        """Return the texts at `indices`, in that order, with their ground truth."""
        return replace(
            self,
            tokens=self.tokens[indices],
            labels=self.labels[indices],
            keywords=None if self.keywords is None else self.keywords[indices],
        )

    def content(self) -> Mapping[str, Tensor]:
        """Return the tensors that determine every batch, by name, for a digest."""
        return {"tokens": self.tokens, "labels": self.labels}

    def _parts(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {"tokens": self.tokens, "labels": self.labels}
        if self.keywords is not None:
            tensors["keywords"] = self.keywords
        return tensors, {"classes": list(self.classes), "vocabulary": list(self.vocabulary)}

    @classmethod
    def _of_parts(cls, tensors: dict[str, Tensor], described: dict[str, Any]) -> TextSet:
        return cls(
            tokens=tensors["tokens"],
            labels=tensors["labels"],
            classes=tuple(described["classes"]),
            vocabulary=tuple(described["vocabulary"]),
            keywords=tensors.get("keywords"),
        )


def split_words(text: str) -> list[str]:
    """Return the words and numbers of a text in any script, in lower case.

    The text is normalised (Unicode's NFKC), so that one word has one spelling however its accents
    are stored. A word is letters and digits with their marks, and one apostrophe within. Scripts
    without spaces between words give one word a character. Markup, punctuation and symbols (emoji)
    are left out.
    """
    plain = _MARKUP.sub(" ", text).translate(_APOSTROPHES)
    return _words().findall(unicodedata.normalize("NFKC", plain).lower())


@cache
def _words() -> re.Pattern[str]:
    """Return the pattern of a word, made once, since that looks at all characters."""
    marks = (chr(i) for i in range(sys.maxunicode) if unicodedata.category(chr(i))[0] == "M")
    mark = f"[{''.join(marks)}]*"
    alone = rf"(?=[^\W_]){_NO_SPACES}{mark}"
    letter, sign = (rf"(?:(?!{_NO_SPACES})[^\W{also}_]{mark})" for also in (r"\d", ""))
    joiner = "[\u200c\u200d]?"  # between letters of Persian and Indic words
    return re.compile(rf"{alone}|{sign}(?:{joiner}{sign})*(?:'{letter}+)?")


def vocabulary_of(texts: Iterable[Sequence[str]], size: int) -> tuple[str, ...]:
    """Return `SPECIAL` and the most frequent words, at most `size` in all; ties by the alphabet."""
    counts = Counter(word for words in texts for word in words)
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return (*SPECIAL, *ordered[: size - len(SPECIAL)])


def encode(texts: Sequence[Sequence[str]], vocabulary: Sequence[str], length: int) -> Tensor:
    """Return the token numbers, int32 (N, L), of texts cut to their first `length` words.

    Unknown words become `UNK`, and so does a text without a word.
    """
    number = {word: token for token, word in enumerate(vocabulary)}
    rows = [[number.get(word, UNK) for word in words[:length]] or [UNK] for words in texts]
    tokens = torch.full((len(rows), max(map(len, rows), default=1)), PAD, dtype=torch.int32)
    for row, numbers in zip(tokens, rows, strict=True):
        row[: len(numbers)] = torch.tensor(numbers, dtype=torch.int32)
    return tokens


def _check(texts: TextSet) -> None:
    """Refuse fields that contradict each other."""
    tokens, n = texts.tokens, len(texts.labels)
    if texts.labels.ndim != 1 or texts.labels.dtype != torch.int64:
        raise SparksError("a text set needs int64 labels of shape (N,)")
    if tokens.ndim != 2 or tokens.dtype != torch.int32 or len(tokens) != n:
        raise SparksError(f"a text set of {n} labels needs int32 tokens of shape ({n}, L)")
    if texts.vocabulary[: len(SPECIAL)] != SPECIAL:
        raise SparksError(f"a vocabulary begins with {SPECIAL}")
    if n and not 0 <= int(texts.labels.min()) <= int(texts.labels.max()) < len(texts.classes):
        raise SparksError(f"a text set of {len(texts.classes)} classes has a label outside them")
    if n and not 0 <= int(tokens.min()) <= int(tokens.max()) < len(texts.vocabulary):
        raise SparksError("a text set has a token outside its vocabulary")
    behind = torch.arange(tokens.shape[1]) >= texts.lengths[:, None]
    if bool(((tokens == PAD) != behind).any()) or bool((texts.lengths == 0).any()):
        raise SparksError("every text has one word or more, and padding only behind the last")
    keywords = texts.keywords
    if keywords is not None and (
        keywords.shape != tokens.shape
        or keywords.dtype != torch.bool
        or bool(keywords[behind].any())
    ):
        raise SparksError("keywords are bool, one for each token, and none is padding")
