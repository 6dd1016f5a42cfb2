"""Outcome of a claim, and how a verdict follows from an interval and a criterion."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sparks.stats import Interval


class Outcome(StrEnum):
    """The four things that can be said of a claim."""

    REPLICATED = "replicated"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run at this scale"


@dataclass(frozen=True)
class Verdict:
    """Verdict on a claim, with the measurement behind it.

    Attributes:
        outcome: the verdict.
        effect: the number that decides, in the unit that the criterion names.
        low: lower end of its interval.
        high: upper end of its interval.
        measured: one sentence with the numbers behind it.
        images: the fewest images (or texts) that a number rests on which was judged; None where
            the units are others.
    """

    outcome: Outcome
    effect: float
    low: float
    high: float
    measured: str
    images: int | None = None


def judged(
    outcomes: Sequence[Outcome],
    effect: Interval,
    measured: str,
    over_images: Iterable[Interval] = (),
) -> Verdict:
    """Judge a claim that says several things (`all_of`), with the effect that decides it.

    Args:
        outcomes: of each thing it says.
        effect: that decides.
        measured: see `Verdict`.
        over_images: every interval that was judged, where its units are images.
    """
    images = min((interval.n for interval in over_images), default=None)
    return Verdict(all_of(outcomes), effect.mean, effect.low, effect.high, measured, images)


def not_run(reason: str) -> Verdict:
    """Return the verdict of a claim that was not measured."""
    return Verdict(Outcome.NOT_RUN, math.nan, math.nan, math.nan, reason)


def above(interval: Interval, threshold: float) -> Outcome:
    """Judge "the effect is above `threshold`" by where the interval lies."""
    if math.isnan(interval.low):
        return Outcome.INCONCLUSIVE
    if interval.low > threshold:
        return Outcome.REPLICATED
    return Outcome.CONTRADICTED if interval.high < threshold else Outcome.INCONCLUSIVE


def all_of(outcomes: Sequence[Outcome]) -> Outcome:
    """Judge a claim that says several things: one contradiction contradicts it."""
    for outcome in (Outcome.CONTRADICTED, Outcome.INCONCLUSIVE):
        if outcome in outcomes:
            return outcome
    return Outcome.REPLICATED if outcomes else Outcome.NOT_RUN
