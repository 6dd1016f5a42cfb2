"""Verdicts on claims: the rule from intervals to outcomes, and the names of outcomes.

A claim is judged by comparisons, each of which says "the effect is above a threshold". It *holds*
when every comparison's interval lies above its threshold: all must hold, so none needs a correction
(an intersection-union test). It *fails* when one of them lies below even with its interval widened
for the number of comparisons (Holm's first step): among many comparisons of nothing, one looks bad
by chance. Otherwise it is inconclusive, and `Verdict.detectable` says how far from its threshold
the deciding effect would have had to be.

What a finding may be called depends on what it rests on (`Scope`): only the paper's own data let a
claim be replicated.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist

from numpy.typing import ArrayLike

from sparks.stats import Interval, proportion

LEVEL = 0.95  # of every interval that is judged


class Outcome(StrEnum):
    """Outcomes of a claim on one kind of data."""

    HOLDS = "holds"
    FAILS = "fails"
    INCONCLUSIVE = "inconclusive"
    INVALID = "assay invalid"
    NOT_RUN = "not run"


class Scope(StrEnum):
    """Kinds of data that a finding can rest on, the closest to the paper first."""

    PAPER = "paper's data and kind of model"
    PAPER_DATA = "paper's data, another model"
    REAL = "other real data"
    SYNTHETIC = "synthetic data with known truth"
    SIMULATED = "simulated people"
    ARITHMETIC = "arithmetic on published numbers"


OF_PAPER = (Scope.PAPER, Scope.PAPER_DATA)


def called(outcome: Outcome, scope: Scope) -> str:
    """Name an outcome: only on the paper's data does a claim replicate."""
    if scope is Scope.ARITHMETIC and outcome in (Outcome.HOLDS, Outcome.FAILS):
        return "holds" if outcome is Outcome.HOLDS else "does not hold"
    if outcome is Outcome.HOLDS:
        return "replicated" if scope in OF_PAPER else "transfers"
    if outcome is Outcome.FAILS:
        return "failed to replicate" if scope in OF_PAPER else "does not transfer"
    return str(outcome)


@dataclass(frozen=True)
class Comparison:
    """The statement that an effect is above a threshold, with the interval that decides it.

    Attributes:
        interval: of the effect.
        threshold: to be above.
        margin: loss that still counts as none, where the statement is "not worse"; else None.
    """

    interval: Interval
    threshold: float
    margin: float | None = None

    @property
    def outcome(self) -> Outcome:
        """The outcome of this comparison alone."""
        return self.among(1)

    @property
    def opposite(self) -> Comparison:
        """The statement that the effect is below the threshold."""
        return Comparison(-self.interval, -self.threshold)

    def among(self, k: int) -> Outcome:
        """Return its outcome as one of k comparisons: the upper half of the interval is widened."""
        interval = self.interval
        if math.isnan(interval.low):
            return Outcome.INCONCLUSIVE
        if interval.low > self.threshold:
            return Outcome.HOLDS
        high = interval.mean + (interval.high - interval.mean) * _widening(k)
        return Outcome.FAILS if high < self.threshold else Outcome.INCONCLUSIVE


def _widening(k: int) -> float:
    """Return how much longer half an interval is at the level of k comparisons (Bonferroni)."""
    tail, normal = (1 - LEVEL) / 2, NormalDist()
    return normal.inv_cdf(1 - tail / k) / normal.inv_cdf(1 - tail)


Part = Comparison | Outcome  # a claim is a list of these


@dataclass(frozen=True)
class Verdict:
    """Verdict on a claim, with the measurement behind it.

    Attributes:
        outcome: what was found.
        effect: the number that decides, in the unit that the criterion names.
        low: lower end of its interval.
        high: upper end of its interval.
        measured: one sentence with the numbers behind it.
        images: the fewest images (or texts) that a number rests on which was judged; None where
            the units are others.
        holds: comparisons whose interval lies above the threshold.
        of: comparisons.
        detectable: smallest distance between the deciding effect and its threshold that this run
            would have settled, with a power of 80 %; NaN where there is no interval.
        needed: units with which `detectable` would be the criterion's margin; None without one.
        control: what the control of the claim showed; empty where it has none.
        of_images: whether the measurement needs many images; not where something is counted, or
            where small networks are tried in full.
    """

    outcome: Outcome
    effect: float
    low: float
    high: float
    measured: str
    images: int | None = None
    holds: int = 0
    of: int = 0
    detectable: float = math.nan
    needed: int | None = None
    control: str = ""
    of_images: bool = True

    def controlled(self, passed: bool, control: str) -> Verdict:
        """Return the verdict with one more control, which makes the assay invalid if it fails."""
        outcome = self.outcome if passed else Outcome.INVALID
        return replace(
            self, outcome=outcome, control="; ".join(filter(None, (self.control, control)))
        )


def judged(
    parts: Sequence[Part],
    effect: Interval,
    measured: str,
    over_images: Iterable[Interval] = (),
) -> Verdict:
    """Judge a claim that says several things (`every`), with the effect that decides it.

    Args:
        parts: comparisons, and outcomes that no interval decides.
        effect: that decides.
        measured: see `Verdict`.
        over_images: every interval that was judged, where its units are images.
    """
    images = min((interval.n for interval in over_images), default=None)
    detectable = effect.detectable()
    margins = [
        part.margin
        for part in parts
        if isinstance(part, Comparison) and part.margin and part.interval in (effect, -effect)
    ]
    needed = None
    if margins and not math.isnan(detectable):
        needed = math.ceil(effect.n * (detectable / margins[0]) ** 2)
    return Verdict(
        every(parts), effect.mean, effect.low, effect.high, measured, images,
        sum(alone(part) is Outcome.HOLDS for part in parts), len(parts), detectable, needed,
    )  # fmt: skip


def never(violated: ArrayLike, measured: str) -> Verdict:
    """Judge "it never happens" on images: a single violation contradicts it.

    The effect is the share of images with a violation, with Wilson's interval; detectable is the
    share of which this many images would have shown one with a power of 80 %.

    Args:
        violated: of each image, whether it happened, (n,).
        measured: see `Verdict`.
    """
    share = proportion(violated)
    outcome = Outcome.FAILS if share.mean > 0 else Outcome.HOLDS
    verdict = judged([outcome], share, measured, [share])
    return replace(verdict, detectable=1 - 0.2 ** (1 / share.n))


def not_run(reason: str) -> Verdict:
    """Return the verdict of a claim that was not measured."""
    return Verdict(Outcome.NOT_RUN, math.nan, math.nan, math.nan, reason)


def undefined(what: str) -> Verdict:
    """Return the verdict of a claim whose scores exist and say nothing: each of them is NaN."""
    return not_run(f"{what} has no score that is defined").controlled(False, "no score is defined")


def above(interval: Interval, threshold: float) -> Comparison:
    """Return the comparison "the effect is above `threshold`"."""
    return Comparison(interval, threshold)


def not_worse(gain: Interval, margin: float) -> Comparison:
    """Return the comparison "the gain is not below 0 by more than the margin"."""
    return Comparison(gain, -margin, margin)


def alone(part: Part) -> Outcome:
    """Return the outcome of one part of a claim, as if it were the only one."""
    return part.outcome if isinstance(part, Comparison) else part


def every(parts: Sequence[Part]) -> Outcome:
    """Judge a claim that says several things, all of which must hold."""
    k = max(1, sum(isinstance(part, Comparison) for part in parts))
    found = [part.among(k) if isinstance(part, Comparison) else part for part in parts]
    for outcome in (Outcome.INVALID, Outcome.FAILS, Outcome.INCONCLUSIVE):
        if outcome in found:
            return outcome
    return Outcome.HOLDS if found else Outcome.NOT_RUN


def some(comparisons: Sequence[Comparison]) -> Outcome:
    """Judge a claim that something holds somewhere: one comparison that holds is enough.

    The roles are exchanged: intervals are widened for "holds", and all must lie below for "fails".
    """
    if not comparisons:
        return Outcome.NOT_RUN
    if any(
        comparison.opposite.among(len(comparisons)) is Outcome.FAILS for comparison in comparisons
    ):
        return Outcome.HOLDS
    below = all(c.outcome is Outcome.FAILS for c in comparisons)
    return Outcome.FAILS if below else Outcome.INCONCLUSIVE


def tally(rows: Sequence[Sequence[str]]) -> str:
    """Write how many verdicts there are of each kind, scope by scope; what was not run has none.

    Args:
        rows: (scope, verdict) of each row of the table.
    """
    parts = []
    for scope in Scope:
        here = [str(verdict) for where, verdict in rows if where == scope]
        found = Counter(verdict for verdict in here if verdict != Outcome.NOT_RUN)
        if found:
            listed = ", ".join(f"{n} {verdict}" for verdict, n in found.most_common())
            parts.append(f"{scope}: {listed}")
    left_out = sum(str(verdict) == Outcome.NOT_RUN for _, verdict in rows)
    text = "; ".join([*parts, f"{left_out} not run"] if left_out else parts)
    return text[:1].upper() + text[1:]
