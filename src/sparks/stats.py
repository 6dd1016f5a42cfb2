"""Intervals, resampling and correlations: each of them exists here, once.

Intervals are percentile bootstrap intervals over *units* (images for a score, folds or seeds for a
trained model), and Wilson's for shares. Methods are compared on the same images (paired).

A degenerate statistic is never a number. The correlation of a row that does not vary
(`constant_rows`) is NaN, and where resampling says nothing about the spread, both ends of an
interval are NaN (`interval_of`).

Two places differ on purpose:

- `sparks.sensitivity.estimators.bootstrap` resamples the points of a design and gives the bounds of
  thousands of indices as tensors on the model's device. It follows `interval_of` in all but one
  thing: bounds that are equal stay, because an index of 0 is estimated as 0 in every resample.
- Scores that a network computed in float32 differ by rounding below `FORWARD_ROUNDING` of their
  size: Sobol indices and MuFidelity take that, everything else `ROUNDING`.

Neither torch nor SciPy is imported before it is needed: a table starts without them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparks.checks import between, whole
from sparks.errors import SparksError

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]

# Equal numbers differ by rounding alone below this share of their size, in float64.
ROUNDING = 1e-12
# The same of scores from float32 forwards.
FORWARD_ROUNDING = 1e-6


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

    def detectable(self, power: float = 0.8, level: float = 0.95) -> float:
        """Return the smallest distance from a threshold that so many units would settle.

        An effect at this distance has its whole interval on one side of the threshold with
        probability `power`: (1 + z(power) / z(level)) times half the interval, of the longer side.

        Args:
            power: in [0.5, 1).
            level: coverage of this interval, in (0, 1).

        Returns:
            the distance, in the unit of the mean; NaN where there is no interval.

        Example:
            >>> round(Interval(0.1, 0.0, 0.2, 50).detectable(), 3)
            0.143
        """
        normal = NormalDist()
        half = max(self.high - self.mean, self.mean - self.low)
        return half * (1 + normal.inv_cdf(power) / normal.inv_cdf((1 + level) / 2))


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
    if not steps and np.isfinite(known).all() and alike(known):
        return none
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), n)


@dataclass(frozen=True)
class Estimate:
    """A statistic of a sample, and the same statistic of every resample of the sample's units.

    Attributes:
        value: of the sample.
        draws: of the resamples, (R,), NaN where it does not exist.
        n: units.
        level: coverage of the interval, in (0, 1).
        steps: see `interval_of`.
    """

    value: float
    draws: Floats
    n: int
    level: float
    steps: bool = False

    def interval(self) -> Interval:
        """Return the percentile interval; see `interval_of` for where there is none."""
        return interval_of(self.value, self.draws, self.n, self.level, self.steps)

    def __sub__(self, other: Estimate) -> Estimate:
        """Return the difference, paired: both were drawn from the same resamples of units."""
        draws = self.draws - other.draws
        return Estimate(self.value - other.value, draws, self.n, self.level)


class NoValues(SparksError):
    """Every value of which a mean or a median is asked is missing or NaN."""


def _known(values: ArrayLike) -> Floats:
    """Return the values (n,) that are not NaN.

    Raises:
        NoValues: when there is none.
    """
    units: Floats = np.asarray(values, dtype=float).ravel()
    units = units[~np.isnan(units)]
    if units.size == 0:
        raise NoValues("no value to average: every score is missing or NaN")
    return units


@dataclass(frozen=True)
class Bootstrap:
    """Percentile bootstrap: resampling of units, and intervals of statistics of them.

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
        units = _known(values)
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
        units = _known(values)
        centre = float(np.median(units))
        medians = [np.median(units[which]) for which in self.draws(units.size)]
        return interval_of(centre, medians, units.size, self.level)

    def rank_correlation(self, first: ArrayLike, second: ArrayLike) -> Interval:
        """Return Spearman's rank correlation of paired values (n,), with its interval.

        It moves in steps (see `interval_of`): where two rankings agree, they do in every resample.
        """
        import torch

        a, b = (torch.from_numpy(np.asarray(v, dtype=float).ravel()) for v in (first, second))
        which = torch.from_numpy(np.stack(list(self.draws(len(a)))))
        rho, drawn = spearman(a[None], b[None]), spearman(a[which], b[which])
        return interval_of(float(rho), drawn.numpy(), len(a), self.level, steps=True)

    def draws(self, n: int) -> Iterator[NDArray[np.int64]]:
        """Yield which of `n` units each resample holds, (n,) with repetitions."""
        generator = np.random.default_rng(self.seed)
        for _ in range(self.resamples):
            yield generator.integers(n, size=n)

    def counts(self, strata: NDArray[np.int64]) -> Floats:
        """Return how often each unit is in each resample, where units are drawn within strata.

        Args:
            strata: stratum of each unit, (n,), such as the fold of an image. Each is drawn from as
                often as it has units.

        Returns:
            (1 + resamples, n); the first row is the sample itself, 1 everywhere.
        """
        generator = np.random.default_rng(self.seed)
        counts = np.ones((1 + self.resamples, len(strata)))
        for stratum in np.unique(strata):
            members = np.flatnonzero(strata == stratum)
            shares = np.full(len(members), 1 / len(members))
            counts[1:, members] = generator.multinomial(len(members), shares, self.resamples)
        return counts

    def _means(self, units: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw the means of the resamples, a bounded number of units at once."""
        generator = np.random.default_rng(self.seed)
        block = max(1, 2**22 // units.size)
        counts = [min(block, self.resamples - start) for start in range(0, self.resamples, block)]
        return np.concatenate(
            [units[generator.integers(units.size, size=(c, units.size))].mean(1) for c in counts]
        )


def mean_of_few(values: ArrayLike, level: float = 0.95) -> Interval:
    """Return the mean of a few values (n,), such as one for each trained network.

    The interval is Student's. Percentiles of resampled means are too narrow there (`coverage`): of
    three values above 0, which chance gives in one of eight cases, every resample is above 0.
    NaN is left out; of fewer than three values, or of equal ones, there is no interval.

    Raises:
        SparksError: when no value is left.

    Example:
        >>> found = mean_of_few([0.1, 0.2, 0.3])
        >>> round(found.low, 3), round(found.high, 3)
        (-0.048, 0.448)
    """
    from scipy.stats import t

    units = _known(values)
    centre = float(units.mean())
    if units.size < 3 or alike(units):
        return Interval(centre, math.nan, math.nan, units.size)
    spread = float(units.std(ddof=1)) / math.sqrt(units.size)
    half = float(t.ppf((1 + level) / 2, units.size - 1)) * spread
    return Interval(centre, centre - half, centre + half, units.size)


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


# --- correlation ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Correlation:
    """Pearson's coefficient, its p-value (two-sided), number of points, and Fisher's interval."""

    r: float
    p: float
    n: int
    low: float
    high: float


def correlation(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Correlation:
    """Return Pearson's correlation of two lists (n,) and its test.

    All is NaN where a list is constant, or n below 4. Points on one line have no interval, and no
    p: Fisher's interval has no width there.

    Raises:
        SparksError: when the lists differ in length or hold NaN.
    """
    from scipy.stats import pearsonr

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise SparksError(f"correlation: {a.shape} and {b.shape} are no two lists of one length")
    if np.isnan(a).any() or np.isnan(b).any():
        raise SparksError("correlation: a value is NaN; leave the point out and say so")
    if a.size < 4 or alike(a) or alike(b):
        return Correlation(np.nan, np.nan, a.size, np.nan, np.nan)
    test = pearsonr(a, b)
    low, high = test.confidence_interval(level)
    if abs(test.statistic) >= 1 - ROUNDING:
        return Correlation(float(test.statistic), np.nan, a.size, np.nan, np.nan)
    return Correlation(float(test.statistic), float(test.pvalue), a.size, float(low), float(high))


def pearson(first: Tensor, second: Tensor) -> Tensor:
    """Return Pearson's correlation of the rows of two (N, d) tensors.

    Returns:
        float64 (N,) on the CPU, in [-1, 1]; NaN where a row is constant, or holds NaN or infinite
        values: there is no correlation then, of 0 or any other size.
    """
    import torch

    a, b = first.detach().cpu().double(), second.detach().cpu().double()
    undefined = constant_rows(a) | constant_rows(b)
    if undefined.all():  # of no columns, too
        return torch.full((len(a),), torch.nan, dtype=torch.float64)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    # Scaled first: squares of very small or large values leave the range of floats.
    a, b = (x / x.abs().amax(1, keepdim=True) for x in (a, b))
    value = (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()
    return value.clamp(-1, 1).masked_fill(undefined, torch.nan)


def spearman(first: Tensor, second: Tensor) -> Tensor:
    """Return Spearman's rank correlation of the rows of two (N, d) tensors, ties at mean rank.

    Returns:
        As `pearson`.
    """
    import torch
    from scipy.stats import rankdata

    rows = [values.detach().cpu().double() for values in (first, second)]
    unknown = [~values.isfinite().all(1) for values in rows]
    a, b = (
        torch.from_numpy(rankdata(values.numpy(), axis=1)).masked_fill(bad[:, None], torch.nan)
        for values, bad in zip(rows, unknown, strict=True)
    )
    return pearson(a, b)


# --- what does not vary --------------------------------------------------------------------------


def alike(values: ArrayLike) -> bool:
    """Return whether numbers (n,), at least one and none NaN, differ by rounding alone."""
    numbers = np.asarray(values, dtype=float)
    return bool(np.ptp(numbers) <= ROUNDING * np.abs(numbers).max())


def constant_rows(values: Tensor, size: Tensor | None = None, rounding: float = ROUNDING) -> Tensor:
    """Return which rows of `values` (N, ...) differ by rounding alone, bool (N,).

    Args:
        values: of any number of axes after the first; a row of no values is constant.
        size: of the numbers that the values were made of, (N,), where these are differences or
            sums whose own size says nothing; that of the values themselves if not given.
        rounding: share of the size below which differences are rounding.

    Returns:
        False, too, for a row that holds NaN.
    """
    import torch

    flat = values.flatten(1)
    if flat.shape[1] == 0:
        return torch.ones(len(flat), dtype=torch.bool, device=flat.device)
    size = flat.abs().amax(1) if size is None else size
    return flat.amax(1) - flat.amin(1) <= rounding * size
