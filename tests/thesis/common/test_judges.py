"""Every kind of interval that verdicts rest on: how often it errs where nothing is there.

`test_verdict` holds the rule for exact intervals; here data are simulated at the criterion, so that
the interval and the rule are tested together. A verdict on one comparison errs in 2.5 % of runs on
either side; where the number of units is too small for that, the test says what is allowed.
"""

from collections import Counter

import numpy as np
import pytest

from sparks.stats import (
    Bootstrap,
    Interval,
    correlation,
    interval_of,
    mean_of_few,
    proportion,
    proportion_difference,
)
from sparks.utility.measures import Resampled, utility
from sparks_thesis.common.verdict import Outcome, above, judged

RUNS = 400
DRAW = Bootstrap(resamples=200)


def mean(rng, shift=0.0):
    return DRAW.mean(shift + rng.standard_normal(50)), 0.0


def mean_over_seeds(rng, shift=0.0):
    """Three trained networks: bootstrapped, one verdict in eight would be wrong on either side."""
    return mean_of_few(shift + rng.standard_normal(3)), 0.0


def skewed_mean(rng, shift=0.0):
    return DRAW.mean(shift + rng.exponential(size=100)), 1.0


def median(rng, shift=0.0):
    return DRAW.median(shift + rng.standard_normal(51)), 0.0


def paired_difference(rng, shift=0.0):
    image = 5 * rng.standard_normal(50)
    ours, theirs = (image + rng.standard_normal(50) for _ in range(2))
    return DRAW.difference(shift + ours, theirs), 0.0


def share(rng, shift=0.0):
    return proportion(rng.random(60) < 0.5 + shift), 0.5


def small_share(rng, shift=0.0):
    return proportion(rng.random(100) < 0.05 + shift), 0.05


def difference_of_shares(rng, shift=0.0):
    return proportion_difference(rng.random(60) < 0.4 + shift, rng.random(60) < 0.4), 0.0


def pearson_over(n):
    def judge(rng, shift=0.0):
        a = rng.standard_normal(n)
        b = shift * a + (1 - shift**2) ** 0.5 * rng.standard_normal(n)
        found = correlation(a, b)
        return Interval(found.r, found.low, found.high, n), 0.0

    return judge


def ranks_over(n):
    def judge(rng, shift=0.0):
        a = rng.standard_normal(n)
        b = shift * a + (1 - shift**2) ** 0.5 * rng.standard_normal(n)
        return DRAW.rank_correlation(a, b), 0.0

    return judge


def utility_of_participants(rng, shift=0.0):
    """120 people in each of two conditions, three sessions of seven questions."""
    grids = [rng.binomial(7, p, size=(120, 3)) / 7 for p in (0.6 + shift, 0.6)]
    own, base = (Resampled.of(grid, DRAW, place) for place, grid in enumerate(grids))
    ratio = float(utility(own.mean, base.mean))
    return interval_of(ratio, utility(own.means, base.means), 120), 1.0


# Judge, share of runs in which it may err on a side, an effect, and the power it must have there.
JUDGES = {
    "mean": (mean, 0.03, 0.4, 0.75),  # 0.4 is the detectable effect: 2.8 standard errors
    "mean over 3 seeds": (mean_over_seeds, 0.025, 4.5, 0.8),
    "skewed mean": (skewed_mean, 0.06, 0.4, 0.8),  # the upper tail of an interval is too short
    "median": (median, 0.04, 0.6, 0.75),
    "paired difference": (paired_difference, 0.035, 0.6, 0.75),
    "share": (share, 0.03, 0.2, 0.8),
    "small share": (small_share, 0.04, 0.1, 0.75),
    "difference of shares": (difference_of_shares, 0.03, 0.3, 0.8),
    "correlation over 6": (pearson_over(6), 0.025, 0.93, 0.75),  # its power is low below
    "correlation over 18": (pearson_over(18), 0.025, 0.77, 0.9),  # as published
    "ranks over 12": (ranks_over(12), 0.05, 0.85, 0.75),  # a dozen kinds of networks
    "Utility": (utility_of_participants, 0.025, 0.08, 0.75),
}


def outcomes(judge, shift=0.0, runs=RUNS):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(runs):
        interval, threshold = judge(rng, shift)
        found.append(judged([above(interval, threshold)], interval, "").outcome)
    return Counter(found)


@pytest.mark.parametrize("name", JUDGES)
def test_at_its_criterion_a_verdict_errs_as_rarely_as_stated(name):
    judge, allowed, _, _ = JUDGES[name]
    found = outcomes(judge)
    noise = 3 * (allowed * (1 - allowed) / RUNS) ** 0.5
    assert found[Outcome.HOLDS] / RUNS <= allowed + noise
    assert found[Outcome.FAILS] / RUNS <= allowed + noise


@pytest.mark.parametrize("name", JUDGES)
def test_a_verdict_finds_an_effect_of_the_size_that_it_is_asked_about(name):
    judge, _, shift, power = JUDGES[name]
    found = outcomes(judge, shift, runs=100)
    assert found[Outcome.HOLDS] / 100 >= power
    assert found[Outcome.FAILS] == 0
