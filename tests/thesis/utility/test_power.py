"""Participants that a study needs: by simulation with SciPy's Tukey test."""

import numpy as np
import pytest
from scipy.stats import tukey_hsd

from sparks.errors import SparksError
from sparks.utility import participants_needed, power

RUNS = 600


@pytest.mark.parametrize(("n", "k", "difference"), [(12, 3, 0.15), (40, 8, 0.12)])
def test_power_is_the_share_of_simulated_studies_that_find_it(n, k, difference):
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(RUNS):
        groups = 0.6 + 0.14 * rng.standard_normal((k, n))
        groups[1] += difference
        test = tukey_hsd(*groups)
        found += test.pvalue[1, 0] < 0.05 and test.statistic[1, 0] > 0
    expected = power(difference, 0.14, n, k)
    assert 0.2 < expected < 0.9
    assert abs(found / RUNS - expected) < 4 * (expected * (1 - expected) / RUNS) ** 0.5


def test_as_many_participants_as_power_asks_for_and_no_more():
    for wanted in (0.5, 0.8, 0.95):
        n = participants_needed(0.06, 0.14, 8, wanted)
        assert power(0.06, 0.14, n, 8) >= wanted > power(0.06, 0.14, n - 1, 8)
    assert participants_needed(5.0, 0.14, 2) == 2  # a difference that nobody can miss


def test_refusals():
    with pytest.raises(SparksError, match="participants=1: it must be 2 or more"):
        power(0.1, 0.1, 1, 3)
    with pytest.raises(SparksError, match="spread=0: it must be above 0"):
        power(0.1, 0, 10, 3)
    with pytest.raises(SparksError, match="wanted=1: it must be between 0 and 1"):
        participants_needed(0.1, 0.1, 3, 1)
    with pytest.raises(SparksError, match="100,000 of each condition do not find"):
        participants_needed(1e-5, 0.2, 3)
