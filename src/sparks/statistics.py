"""Intervals and comparisons: every reported number has one.

Intervals are percentile bootstrap intervals over *units* (images for a score, folds or seeds for a
trained model), and Wilson's for shares. Methods are compared on the same images (paired).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparks.checks import between, whole
from sparks.errors import SparksError


@dataclass(frozen=True)
class Interval:
    """A mean or median and its interval; `low` and `high` are NaN where there is one unit only."""

    mean: float
    low: float
    high: float
    n: int

    def __neg__(self) -> Interval:
        """Turn the sign, ends swapped."""
        return Interval(-self.mean, -self.high, -self.low, self.n)


def shown(interval: Interval, digits: int = 3, scale: float = 1.0, sign: str = "") -> str:
    """Write a mean with its interval: `0.123 [0.100, 0.150]`; `sign` "+" shows plus signs."""
    if math.isnan(interval.mean):
        return "n/a"
    mean, low, high = (
        f"{value * scale:{sign}.{digits}f}"
        for value in (interval.mean, interval.low, interval.high)
    )
    return mean if math.isnan(interval.low) else f"{mean} [{low}, {high}]"


@dataclass(frozen=True)
class Bootstrap:
    """Percentile bootstrap of a mean.

    Attributes:
        level: coverage of the interval, in (0, 1).
        resamples: number of resamples.
        seed: of the resampling; the same units give the same interval.
    """

    level: float = 0.95
    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        between(self, 0, 1, "level")
        whole(self, 1, "resamples")
        whole(self, 0, "seed")

    def mean(self, values: ArrayLike) -> Interval:
        """Return the mean of `values` (n,), NaN left out, with its interval.

        Raises:
            SparksError: when no value is left.
        """
        units = np.asarray(values, dtype=float).ravel()
        units = units[~np.isnan(units)]
        if units.size == 0:
            raise SparksError("no value to average: every score is missing or NaN")
        centre = float(units.mean())
        if units.size == 1:
            return Interval(centre, np.nan, np.nan, 1)
        low, high = np.quantile(self._means(units), [(1 - self.level) / 2, (1 + self.level) / 2])
        return Interval(centre, float(low), float(high), int(units.size))

    def difference(self, first: ArrayLike, second: ArrayLike) -> Interval:
        """Return the mean of `first - second`, paired unit by unit, with its interval."""
        return self.mean(np.asarray(first, dtype=float) - np.asarray(second, dtype=float))

    def median(self, values: ArrayLike) -> Interval:
        """Return the median of `values` (n,), NaN left out, with its interval.

        Raises:
            SparksError: when no value is left.
        """
        units = np.asarray(values, dtype=float).ravel()
        units = units[~np.isnan(units)]
        if units.size == 0:
            raise SparksError("no value to take a median of: every score is missing or NaN")
        centre = float(np.median(units))
        if units.size == 1:
            return Interval(centre, np.nan, np.nan, 1)
        medians = [np.median(units[which]) for which in self.draws(units.size)]
        low, high = np.quantile(medians, [(1 - self.level) / 2, (1 + self.level) / 2])
        return Interval(centre, float(low), float(high), int(units.size))

    def draws(self, n: int) -> Iterator[NDArray[np.int64]]:
        """Yield which of `n` units each resample holds, (n,) with repetitions."""
        generator = np.random.default_rng(self.seed)
        for _ in range(self.resamples):
            yield generator.integers(n, size=n)

    def _means(self, units: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw the means of the resamples, a bounded number of units at once."""
        generator = np.random.default_rng(self.seed)
        block = max(1, 2**22 // units.size)
        counts = [min(block, self.resamples - start) for start in range(0, self.resamples, block)]
        return np.concatenate(
            [units[generator.integers(units.size, size=(c, units.size))].mean(1) for c in counts]
        )


def proportion(right: ArrayLike, level: float = 0.95) -> Interval:
    """Return the share of ones among zeros and ones (n,), with Wilson's score interval.

    A bootstrap interval of a share of 0 or 1 has no width, whatever n.
    """
    from scipy.stats import binomtest

    units = np.asarray(right, dtype=float).ravel()
    if units.size == 0:
        raise SparksError("no value to average: nothing was counted")
    test = binomtest(int(units.sum()), units.size)
    interval = test.proportion_ci(confidence_level=level, method="wilson")
    return Interval(float(units.mean()), float(interval.low), float(interval.high), units.size)


def kendall_tau(first: ArrayLike, second: ArrayLike) -> float:
    """Return Kendall's τ-b of two rankings of the same things; NaN for fewer than three."""
    from scipy.stats import kendalltau

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.size < 3:
        return float("nan")
    return float(kendalltau(a, b).statistic)
