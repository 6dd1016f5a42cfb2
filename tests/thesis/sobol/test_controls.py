"""Controls of the claims on indices, on made-up numbers whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks.stats import Bootstrap
from sparks_thesis.sobol.claims_samplers import SHUFFLED, QuasiMonteCarloConverges
from sparks_thesis.sobol.controls import Agreement, KnownInteractions, KnownRate

B = Bootstrap(resamples=100)


def rows(metric, values, unit="repeat", **columns):
    known = {"metric": metric, unit: range(len(values)), "seed": 0, "value": values}
    return as_results(pd.DataFrame(known), **columns)


def gaps(ishigami, additive):
    """Mean ST - S of two functions in 30 repeats, spread by .05."""
    spread = 0.05 * np.random.default_rng(0).normal(size=30)
    return pd.concat(
        rows("TotalMinusFirst", gap + spread, dataset=name, points=32)
        for name, gap in (("Ishigami, d = 3", ishigami), ("additive, d = 20", additive))
    )


@pytest.mark.parametrize(
    ("ishigami", "additive", "passed"),
    [(0.16, 0.0, True), (0.16, 0.1, False), (0.0, 0.0, False)],
)
def test_interactions_are_found_where_there_are_some_and_nowhere_else(ishigami, additive, passed):
    control = KnownInteractions(32, bootstrap=B)
    found, text = control(gaps(ishigami, additive))
    assert found is passed, text
    assert not KnownInteractions(64, bootstrap=B)(gaps(0.16, 0.0))[0]  # none with so many points


@pytest.mark.parametrize(
    ("again", "shuffled", "passed"), [(0.95, 0.1, True), (0.7, 0.1, False), (0.95, 0.8, False)]
)
def test_the_threshold_is_in_reach_and_shuffled_scores_are_below(again, shuffled, passed):
    spread = 0.01 * np.random.default_rng(0).normal(size=30)
    table = pd.concat(
        rows("DefaultSpearman", value + spread, "image", method=name, estimator="jansen", points=32)
        for name, value in (("sobol, scrambled, another seed", again), (SHUFFLED, shuffled))
    )
    found, text = Agreement(bootstrap=B)(table)
    assert found is passed, text
    assert not Agreement(bootstrap=B)(table[table["method"] == SHUFFLED])[0]


def errors(rate, points=(8, 16, 32, 64)):
    """Errors of Monte Carlo that fall as N to the power -rate."""
    drawn = np.exp(0.1 * np.random.default_rng(0).normal(size=(len(points), 40)))
    return pd.concat(
        rows("RelativeError", n**-rate * noise, dataset="f", method=name, estimator="jansen",
             points=n)
        for name in ("monte-carlo", "sobol, unscrambled")
        for n, noise in zip(points, drawn, strict=True)
    )  # fmt: skip


def test_four_times_the_points_halve_the_error_and_a_quarter_doubles_it():
    control = KnownRate(QuasiMonteCarloConverges(bootstrap=B))
    passed, text = control(errors(0.5))
    assert passed
    assert "4 times the points: at least +1.0" in text
    assert "0.25 times the points: at least -1.0" in text
    assert not control(errors(0.0))[0]  # an error that no number of points makes smaller
    assert not control(errors(0.5, points=(8, 16)))[0]  # no two sizes so far apart
