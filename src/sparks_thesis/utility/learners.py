"""Simulated meta-predictors: learners that use an explanation as attention to the cells.

K examples are studied: images as cells (K, C, d), the attention that the explanation gives to each
cell (K, C), and the model's output, 0 or 1. New images come without explanation. Conditions differ
in the attention to the examples alone (`cells`), and the settings below are not fitted to any
result.

The kinds differ in how they carry what they saw to an image whose explanation they do not see:

    Exemplar    remembers cells (context model, Nosofsky 1986): an output is likely when the cells
                attended under it are found again anywhere in the new image.
    Prototype   learns where to look (cells like those attended), and compares what it finds there
                with the mean of either output.
    Linear      learns where to look in the same way, and weighs what it finds by a linear rule.
    Words       counts visual words under attention, and answers by Bayes' rule (naive Bayes).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sparks.checks import between, whole
from sparks_thesis.utility.cells import Floats

Ints = NDArray[np.int64]
# (cells (K, C, d), attention (K, C), outputs (K,), new cells (T, C, d)) → evidence for output 1
# over output 0, (T,). Both outputs are among the examples.
Evidence = Callable[[Floats, Floats, Ints, Floats], Floats]


class Learner(Protocol):
    """A kind of meta-predictor."""

    def prepared(self, cells: Floats) -> Evidence:
        """Get used to images (N, C, d), of which neither outputs nor explanations are known."""
        ...


def answers(evidence: Evidence, seen: Floats, shown: Floats, outputs: Ints, new: Floats) -> Ints:
    """Predict the model's output on new images, (T,) of 0 and 1.

    Who has seen one output only answers that one.
    """
    if len(set(outputs.tolist())) < 2:
        return np.full(len(new), outputs[0])
    return (evidence(seen, shown, outputs, new) > 0).astype(np.int64)


@dataclass(frozen=True)
class Exemplar:
    """Remember the attended cells, and look for them in the new image.

    Attributes:
        width: of the similarity exp(-distance² / 2 width²), the distance being the root mean square
            over standardised features.
    """

    width: float = 0.5

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "width")

    def prepared(self, cells: Floats) -> Evidence:
        """See `Learner`."""
        return self._evidence

    def _evidence(self, seen: Floats, shown: Floats, outputs: Ints, new: Floats) -> Floats:
        distances = _distances(seen, new).reshape(-1, *new.shape[:2])  # (K C, T, C)
        best = np.exp(-distances.min(2) / (2 * self.width**2)).reshape(*shown.shape, len(new))
        support = np.einsum("kct,kc->kt", best, shown)
        found: Floats = support[outputs == 1].mean(0) - support[outputs == 0].mean(0)
        return found


@dataclass(frozen=True)
class Prototype:
    """Look at cells like those attended; compare their mean with the mean of either output.

    Attributes:
        width: as for `Exemplar`, of the likeness of cells.
    """

    width: float = 0.5

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "width")

    def prepared(self, cells: Floats) -> Evidence:
        """See `Learner`."""
        return self._evidence

    def _evidence(self, seen: Floats, shown: Floats, outputs: Ints, new: Floats) -> Floats:
        known, asked = (looked_at(x, seen, shown, self.width) for x in (seen, new))
        away = [((asked - known[outputs == output].mean(0)) ** 2).mean(1) for output in (0, 1)]
        found: Floats = away[0] - away[1]
        return found


@dataclass(frozen=True)
class Linear:
    """Look at cells like those attended; weigh what is there by a linear rule (ridge regression).

    Attributes:
        width: as for `Prototype`.
        penalty: of the squared weights, an example.
    """

    width: float = 0.5
    penalty: float = 0.1

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "width", "penalty")

    def prepared(self, cells: Floats) -> Evidence:
        """See `Learner`."""
        return self._evidence

    def _evidence(self, seen: Floats, shown: Floats, outputs: Ints, new: Floats) -> Floats:
        known, asked = (looked_at(x, seen, shown, self.width) for x in (seen, new))
        centre, sign = known.mean(0), 2.0 * outputs - 1
        x = known - centre
        penalty = self.penalty * len(x) * np.eye(x.shape[1])
        weights = np.linalg.solve(x.T @ x + penalty, x.T @ (sign - sign.mean()))
        found: Floats = (asked - centre) @ weights + sign.mean()
        return found


@dataclass(frozen=True)
class Words:
    """Count visual words under attention; answer by naive Bayes with a symmetric Dirichlet prior.

    Attributes:
        vocabulary: number of words, the centres of k-means over cells of unlabelled images.
        prior: count of each word before anything is seen.
        seed: of k-means.
    """

    vocabulary: int = 32
    prior: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "vocabulary")
        between(self, 0, math.inf, "prior")
        whole(self, 0, "seed")

    def prepared(self, cells: Floats) -> Evidence:
        """See `Learner`."""
        from sklearn.cluster import KMeans

        flat = cells.reshape(-1, cells.shape[-1])
        size = min(self.vocabulary, len(np.unique(flat, axis=0)))
        centres = KMeans(size, n_init=1, random_state=self.seed).fit(flat).cluster_centers_

        def evidence(seen: Floats, shown: Floats, outputs: Ints, new: Floats) -> Floats:
            return self._evidence(centres.astype(np.float32), seen, shown, outputs, new)

        return evidence

    def _evidence(
        self, centres: Floats, seen: Floats, shown: Floats, outputs: Ints, new: Floats
    ) -> Floats:
        cells = seen.shape[1]
        counts = _words(seen, centres, shown * cells)  # as many as there are cells
        logs = []
        for output in (0, 1):
            count = counts[outputs == output].sum(0) + self.prior
            logs.append(np.log(count / count.sum()))
        found: Floats = _words(new, centres, np.ones(new.shape[:2], np.float32)) @ (
            logs[1] - logs[0]
        )
        return found


def looked_at(images: Floats, seen: Floats, shown: Floats, width: float) -> Floats:
    """Average the cells of each image (M, C, d) by how much cells like them were attended: (M, d).

    The attention to a cell is the kernel-weighted mean of the attention shown to all cells of the
    examples (Nadaraya-Watson). Where all got the same, this is the plain mean.
    """
    away = _distances(images, seen) / (2 * width**2)
    near = np.exp(away.min(1, keepdims=True) - away)  # the nearest counts 1: never 0 / 0
    expected = (near @ shown.reshape(-1) / near.sum(1)).reshape(images.shape[:2])
    expected += np.float32(1e-12)  # nothing like what was attended: look everywhere
    pooled: Floats = np.einsum("mc,mcd->md", expected / expected.sum(1, keepdims=True), images)
    return pooled


def _distances(first: Floats, second: Floats) -> Floats:
    """Return the mean squared difference of all cells (M, C, d) and (N, C, d): (M C, N C)."""
    a, b = (x.reshape(-1, x.shape[-1]) for x in (first, second))
    square = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    found: Floats = np.maximum(square, 0) / a.shape[1]
    return found


def _words(cells: Floats, centres: Floats, weights: Floats) -> Floats:
    """Add up the weights (M, C) of the cells nearest to each centre: (M, words)."""
    nearest = _distances(cells, centres[None]).argmin(1).reshape(cells.shape[:2])
    counts: Floats = np.stack(
        [np.bincount(w, v, len(centres)) for w, v in zip(nearest, weights, strict=True)]
    )
    return counts
