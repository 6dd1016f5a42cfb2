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

# Resamples of equal numbers differ by rounding alone, a share of their size.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Interval:
    """A number and its interval; `low` and `high` are NaN where there is none (`interval_of`)."""

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


def interval_of(
    value: float, draws: ArrayLike, n: int, level: float = 0.95, steps: bool = False
) -> Interval:
    """Return a statistic with the percentiles of its resamples.

    There is no interval, and both ends are NaN, where resampling says nothing about the spread:

    - there are fewer than two units;
    - the statistic does not exist in the sample, or in more of the resamples than the interval
      leaves out (1 - level): then it hangs on one or two units. (A unit is missing from 37 % of
      the resamples, two from 13 %, three from 5 %.)
    - all resamples give the same number. A width of 0 would claim certainty. (But a statistic that
      moves in steps, a count or a rank, is the same in all resamples where a result is clear.)

    Args:
        value: of the sample.
        draws: of the resamples, (R,), NaN where it does not exist.
        n: units.
        level: coverage, in (0, 1).
        steps: whether the statistic moves in steps, so that a width of 0 is no sign of trouble.
    """
    drawn = np.asarray(draws, dtype=float).ravel()
    known = drawn[~np.isnan(drawn)]
    none = Interval(float(value), math.nan, math.nan, n)
    missing = drawn.size - known.size
    if n < 2 or math.isnan(value) or not known.size or missing > (1 - level) * drawn.size:
        return none
    if not steps and np.isfinite(known).all() and np.ptp(known) <= ROUNDING * np.abs(known).max():
        return none
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), n)


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
        return interval_of(centre, self._means(units), units.size, self.level)

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
        medians = [np.median(units[which]) for which in self.draws(units.size)]
        return interval_of(centre, medians, units.size, self.level)

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


def coverage(n: int, level: float = 0.95) -> float:
    """Return how often a percentile bootstrap interval of a mean holds the mean of n normal values.

    Its ends are near mean ± z s √((n - 1) / n) / √n, s the standard deviation of the sample, so
    they cover what Student's t gives that width: .88 with 7 values where the interval says .95
    (Hesterberg 2015, "What teachers should know about the bootstrap").

    Args:
        n: values, at least 3.
        level: that the interval states.
    """
    from scipy.stats import norm, t

    width = norm.ppf((1 + level) / 2) * math.sqrt((n - 1) / n)
    return float(2 * t.cdf(width, n - 1) - 1)


def proportion(right: ArrayLike, level: float = 0.95) -> Interval:
    """Return the share of ones among zeros and ones (n,), NaN left out, with Wilson's interval.

    A bootstrap interval of a share of 0 or 1 has no width, whatever n.
    """
    from scipy.stats import binomtest

    units = np.asarray(right, dtype=float).ravel()
    units = units[~np.isnan(units)]
    if units.size == 0:
        raise SparksError("no value to average: nothing was counted")
    test = binomtest(int(units.sum()), units.size)
    interval = test.proportion_ci(confidence_level=level, method="wilson")
    return Interval(float(units.mean()), float(interval.low), float(interval.high), units.size)


def proportion_difference(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Interval:
    """Return the share of ones in `first` (n,) less that in `second` (m,), independent samples.

    The interval is Newcombe's from Wilson's intervals (1998, method 10), which has a width where
    a share is 0 or 1, too. `n` is the smaller number of units.
    """
    a, b = proportion(first, level), proportion(second, level)
    gap = a.mean - b.mean
    low = gap - math.hypot(a.mean - a.low, b.high - b.mean)
    high = gap + math.hypot(a.high - a.mean, b.mean - b.low)
    return Interval(gap, low, high, min(a.n, b.n))


def kendall_tau(first: ArrayLike, second: ArrayLike) -> float:
    """Return Kendall's τ-b of two rankings of the same things.

    NaN for fewer than three, or where one holds NaN or ranks all alike.
    """
    from scipy.stats import kendalltau

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.size < 3:
        return float("nan")
    return float(kendalltau(a, b).statistic)
