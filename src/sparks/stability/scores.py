"""MeGe and ReCo of sets of distances, with intervals.

S₌ holds the distances between the maps of two networks that are both right on an image, S≠ those
where exactly one is; pairs that are both wrong count nowhere. Each score has two variants:

- as computed: what reproduces the published tables. MeGe = 1 - mean S₌; the rates of ReCo are
  shares of S₌ and of S≠ (then ReCo is Youden's index).
- as printed (eq. 5 and 6 of the paper): MeGe = 1 / (1 + mean S₌), never below 1/2 for distances
  up to 1; the rates of ReCo are shares of all distances below, or above, the threshold.

ReCo tries every distance as threshold γ ("below" means ≤ γ), in O(n log n).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparks.short_repr import short_repr
from sparks.stats import Estimate, Floats

Score = Callable[["Pairs", Floats], Floats]
# Resampled distances held at a time: few enough for a processor's cache.
MEMORY = 2**18


class StabilityWarning(UserWarning):
    """Warning that a score does not exist, or that distances are left out of it.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     mege([])
        nan
        >>> str(caught[0].message)
        'MeGe does not exist: no pair of networks is right on the same image'
    """


def mege(equal: ArrayLike, printed: bool = False) -> float:
    """Return the mean generalisability of S₌: higher is better.

    Args:
        equal: the distances of S₌, of any shape; NaN is left out, with a `StabilityWarning`.
        printed: compute 1 / (1 + mean), as the paper's formula has it, instead of 1 - mean, as its
            tables have it.

    Returns:
        The score; NaN, with a `StabilityWarning`, where S₌ is empty.

    Example:
        >>> mege([0.1, 0.4])
        0.75
        >>> mege([0.1, 0.4], printed=True)  # 1 / 1.25
        0.8
    """
    return float(_at_once("MeGe" + " (printed)" * printed, equal, ())[0])


def reco(equal: ArrayLike, unequal: ArrayLike, printed: bool = False) -> float:
    """Return the relative consistency of S₌ and S≠: 1 if separable, 0 if equally distributed.

    Args:
        equal: the distances of S₌, of any shape; NaN is left out, with a `StabilityWarning`.
        unequal: the distances of S≠, likewise.
        printed: take the rates of the paper's formula instead of those of its tables; see
            `sparks.stability.scores`.

    Returns:
        The largest TPR + TNR - 1 over thresholds; NaN, with a `StabilityWarning`, where S₌ or S≠ is
        empty.

    Example:
        >>> reco([0.1, 0.2], [0.8, 0.9]), reco([0.1, 0.9], [0.1, 0.9])
        (1.0, 0.0)
    """
    return float(_at_once("ReCo" + " (printed)" * printed, equal, unequal)[0])


def reco_auc(equal: ArrayLike, unequal: ArrayLike) -> float:
    """Return the mean of TPR + TNR - 1 over thresholds in S₌ ∪ S≠, where `reco` is the largest.

    Args:
        equal: the distances of S₌; see `reco`.
        unequal: the distances of S≠.

    Returns:
        The score; NaN as in `reco`.

    Example:
        >>> reco_auc([0.1, 0.2], [0.8, 0.9])  # the mean of 1/2, 1, 1/2 and 0
        0.5
    """
    return float(_at_once("ReCo-AUC", equal, unequal)[0])


def _at_once(metric: str, equal: ArrayLike, unequal: ArrayLike) -> Floats:
    first, second = (np.asarray(values, dtype=float).ravel() for values in (equal, unequal))
    pairs = Pairs(
        np.concatenate([first, second]),
        np.arange(len(first) + len(second)) < len(first),
        np.zeros(len(first) + len(second), dtype=np.int64),
    )
    pairs.warn(metric)
    return pairs.score(metric, np.ones((1, 1)))


@dataclass(frozen=True)
class Pairs:
    """The distances of one method under one condition: S₌ and S≠ together.

    Attributes:
        distance: (n,); NaN where a pair is left out.
        equal: bool (n,), whether both networks are right; else exactly one is.
        unit: int (n,), the image of each pair, as an index into the weights of `score`.

    Example:
        Three images, each with the distance of one pair of networks; each image counts once.

        >>> both_right = np.array([True, True, False])
        >>> pairs = Pairs(np.array([0.1, 0.2, 0.9]), both_right, unit=np.arange(3))
        >>> pairs.sizes()
        (2, 1, 0)
        >>> pairs.score("ReCo", weights=np.ones((1, 3)))
        array([1.])
    """

    distance: Floats
    equal: NDArray[np.bool_]
    unit: NDArray[np.int64]

    __repr__ = short_repr

    @classmethod
    def none(cls) -> Pairs:
        """Return a set without any distance."""
        return cls(np.empty(0), np.empty(0, dtype=bool), np.empty(0, dtype=np.int64))

    def sizes(self) -> tuple[int, int, int]:
        """Return the numbers of distances in S₌, in S≠, and left out."""
        kept = ~np.isnan(self.distance)
        return int((kept & self.equal).sum()), int((kept & ~self.equal).sum()), int((~kept).sum())

    def warn(self, metric: str) -> None:
        """Warn where a score does not exist, or distances are left out; see `StabilityWarning`."""
        equal, unequal, left_out = self.sizes()
        if equal == 0:
            _warn(f"{metric} does not exist: no pair of networks is right on the same image")
        elif unequal == 0 and metric.startswith("ReCo"):
            _warn(
                f"{metric} does not exist: S≠ is empty, no image is classified correctly by "
                "exactly one network of a pair"
            )
        if left_out:
            _warn(f"{metric}: {left_out} of {len(self.distance)} distances are NaN and left out")

    def score(self, metric: str, weights: Floats) -> Floats:
        """Score every reweighting of the images: (R,), NaN where the score does not exist.

        Args:
            metric: "MeGe", "ReCo", "ReCo-AUC", "MeGe (printed)" or "ReCo (printed)".
            weights: (R, images), how often each image counts.
        """
        order = np.argsort(self.distance, kind="stable")
        order = order[: len(order) - int(np.isnan(self.distance).sum())]  # NaN comes last
        kept = Pairs(self.distance[order], self.equal[order], self.unit[order])
        with np.errstate(invalid="ignore", divide="ignore"):
            return METRICS[metric](kept, weights)


def by_chance(pairs: Pairs, metric: str, draws: int = 200, seed: int = 0) -> Floats:
    """Score pairs whose membership in S₌ or S≠ is exchanged between images at random.

    ReCo is a maximum over thresholds, so it exceeds 0 even where distances do not depend on whether
    networks are right, the more so the fewer distances S₌ or S≠ holds: this is its level of chance.
    All pairs of an image take over the membership of another image's pairs, since pairs of one
    image depend on each other.

    Args:
        pairs: distances, and whether each is in S₌ or in S≠.
        metric: see `Pairs.score`.
        draws: number of permutations of the images.
        seed: of the permutations.

    Returns:
        The score of each permutation, (draws,); NaN where it does not exist.

    Example:
        Being right and distances are independent here, and ReCo is still above 0.

        >>> generator = np.random.default_rng(0)
        >>> pairs = Pairs(generator.random(40), generator.random(40) > 0.2, np.arange(40))
        >>> bool(by_chance(pairs, "ReCo").mean() > 0.15)
        True
    """
    order = np.argsort(pairs.unit, kind="stable")
    distance, equal = pairs.distance[order], pairs.equal[order]
    units, starts, sizes = np.unique(pairs.unit[order], return_index=True, return_counts=True)
    if not len(units):
        return np.full(draws, np.nan)
    place = np.arange(len(order)) - np.repeat(starts, sizes)  # of a pair among its image's
    generator = np.random.default_rng(seed)
    found = np.empty(draws)
    for draw in range(draws):
        other = np.repeat(generator.permutation(len(units)), sizes)
        exchanged = equal[starts[other] + place % sizes[other]]
        one = Pairs(distance, exchanged, np.zeros(len(order), dtype=np.int64))
        found[draw] = one.score(metric, np.ones((1, 1)))[0]
    return found


# Definition of each score on sorted distances without NaN: (R, images) weights → (R,).


def _mege(pairs: Pairs, weights: Floats) -> Floats:
    return 1 - _mean_equal(pairs, weights)


def _mege_printed(pairs: Pairs, weights: Floats) -> Floats:
    return 1 / (1 + _mean_equal(pairs, weights))


def _mean_equal(pairs: Pairs, weights: Floats) -> Floats:
    """Return the mean of S₌; summed image by image first, since pairs of an image count alike."""
    unit, equal = pairs.unit[pairs.equal], pairs.distance[pairs.equal]
    images = weights.shape[1]
    total = weights @ np.bincount(unit, equal, images)
    return np.asarray(total / (weights @ np.bincount(unit, minlength=images)))


@dataclass(frozen=True)
class _Reweighted:
    """Sorted distances under weights of pairs, (R, n).

    Attributes:
        equal: bool (n,), in S₌ or else in S≠.
        weights: how often each pair counts, (R, n).
        last: place of the last distance of those that share a threshold, (thresholds,).
    """

    equal: NDArray[np.bool_]
    weights: Floats
    last: NDArray[np.int64]

    @cached_property
    def sizes(self) -> tuple[Floats, Floats]:
        """Total weights of S₌ and of S≠, (R, 1) each."""
        return self.weights @ self.equal[:, None], self.weights @ ~self.equal[:, None]

    def youden(self) -> Floats:
        """Return TPR + TNR - 1, (R, thresholds): the share of S₌ below minus that of S≠."""
        share = np.where(self.equal, 1 / self.sizes[0], -1 / self.sizes[1])
        share *= self.weights
        found: Floats = np.cumsum(share, axis=1, out=share)[:, self.last]
        found[:, -1] = 0  # all of both lie below: exact, where the sum is rounded
        return found

    def reco(self) -> Floats:
        return np.asarray(self.youden().max(1))

    def reco_auc(self) -> Floats:
        of_each = np.add.reduceat(self.weights, np.append(0, self.last[:-1] + 1), axis=1)
        return np.asarray((self.youden() * of_each).sum(1) / of_each.sum(1))

    def reco_printed(self) -> Floats:
        equal, unequal = (
            np.cumsum(self.weights * part, axis=1)[:, self.last]
            for part in (self.equal, ~self.equal)
        )
        below = equal / (equal + unequal)
        above = (self.sizes[1] - unequal) / (self.sizes[0] + self.sizes[1] - equal - unequal)
        # Where nothing lies above (or below) a threshold, one rate does not exist.
        return np.asarray(np.fmax.reduce(below + above - 1, axis=1))


def _thresholded(score: Callable[[_Reweighted], Floats]) -> Score:
    """Make a score of pairs from one by thresholds; NaN wherever S₌ or S≠ is empty."""

    def scored(pairs: Pairs, weights: Floats) -> Floats:
        found = np.full(len(weights), np.nan)
        if not pairs.equal.any() or pairs.equal.all():
            return found
        last = np.append(np.flatnonzero(np.diff(pairs.distance) > 0), len(pairs.distance) - 1)
        block = max(1, MEMORY // len(pairs.distance))
        for start in range(0, len(weights), block):
            rows = slice(start, start + block)
            part = _Reweighted(pairs.equal, weights[rows][:, pairs.unit], last)
            exists = np.minimum(*part.sizes)[:, 0] > 0
            found[rows] = np.where(exists, score(part), np.nan)
        return found

    return scored


METRICS: Mapping[str, Score] = {
    "MeGe": _mege,
    "MeGe (printed)": _mege_printed,
    "ReCo": _thresholded(_Reweighted.reco),
    "ReCo (printed)": _thresholded(_Reweighted.reco_printed),
    "ReCo-AUC": _thresholded(_Reweighted.reco_auc),
}


def _warn(message: str) -> None:
    warnings.warn(message, StabilityWarning, stacklevel=4)


def estimate(pairs: Pairs, metric: str, weights: Floats, level: float) -> Estimate:
    """Score the sample (first row of `weights`) and its resamples (the others)."""
    found = pairs.score(metric, weights)
    return Estimate(float(found[0]), found[1:], weights.shape[1], level)
