"""Participants that a study needs: by simulation with SciPy's Tukey test."""

import numpy as np
import pytest
from scipy.stats import tukey_hsd

from sparks.errors import SparksError
from sparks.utility import participants_needed, power

RUNS = 4000


def differences(groups):
    """Mean of the second group less the first's, in standard errors: (runs,) of (runs, k, n)."""
    n = groups.shape[-1]
    pooled = groups.var(-1, ddof=1).mean(-1)
    return (groups[:, 1].mean(-1) - groups[:, 0].mean(-1)) / np.sqrt(2 * pooled / n)


@pytest.mark.parametrize(("n", "k", "difference"), [(12, 3, 0.15), (30, 5, 0.12)])
def test_power_is_the_share_of_simulated_studies_that_find_it(n, k, difference):
    groups = 0.6 + 0.14 * np.random.default_rng(0).standard_normal((RUNS, k, n))
    groups[:, 1] += difference
    found = differences(groups)
    # The least difference that SciPy's test finds: it lies between two studies next to each other.
    order = found.argsort()
    low, high = 0, RUNS - 1
    while high - low > 1:
        middle = (low + high) // 2
        significant = tukey_hsd(*groups[order[middle]]).pvalue[1, 0] < 0.05
        low, high = (low, middle) if significant else (middle, high)
    share, expected = (RUNS - high) / RUNS, power(difference, 0.14, n, k)
    assert 0.2 < expected < 0.9
    assert abs(share - expected) < 4 * (expected * (1 - expected) / RUNS) ** 0.5


def test_as_many_participants_as_power_asks_for_and_no_more():
    n = participants_needed(0.06, 0.14, 3)
    assert power(0.06, 0.14, n, 3) >= 0.8 > power(0.06, 0.14, n - 1, 3)
    assert participants_needed(5.0, 0.14, 2) == 2  # a difference that nobody can miss


def test_refusals():
    with pytest.raises(SparksError, match="participants=1: it must be 2 or more"):
        power(0.1, 0.1, 1, 3)
    with pytest.raises(SparksError, match="spread=0: it must be above 0"):
        power(0.1, 0, 10, 3)
    with pytest.raises(SparksError, match="wanted=1: it must be between 0 and 1"):
        participants_needed(0.1, 0.1, 3, 1)
    with pytest.raises(SparksError, match="100,000 of each condition do not find"):
        participants_needed(1e-5, 0.2, 2)
