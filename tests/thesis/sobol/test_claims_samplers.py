"""Claims on sequences and estimators, on made-up numbers whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.sobol.claims_samplers import EstimatorInsensitive, QuasiMonteCarloConverges


def rows(metric, method, estimator, points, values, dataset="chimera", model="net"):
    table = pd.DataFrame(
        {
            "dataset": dataset,
            "model": model,
            "method": method,
            "estimator": estimator,
            "points": points,
            "metric": metric,
            "seed": 0,
            "image" if model else "repeat": range(len(values)),
            "value": values,
        }
    )
    return as_results(table)


def agreements(janon, halton):
    """Thirty images around the given medians; the default agrees with itself."""
    spread = np.linspace(-0.02, 0.02, 30)
    metric, default = "DefaultSpearman", "sobol, scrambled"
    return pd.concat(
        [
            rows(metric, default, "jansen", 32, np.ones(30)),
            rows(metric, default, "janon", 32, janon + spread),
            rows(metric, f"{default}, another seed", "jansen", 32, 0.93 + spread),
            rows(metric, "halton, scrambled", "jansen", 32, halton + spread),
            rows(metric, "halton, scrambled", "janon", 32, np.zeros(30)),  # of neither list
            rows(metric, "halton, scrambled", "jansen", 8, np.zeros(30)),  # other N
        ],
        ignore_index=True,
    )


@pytest.mark.parametrize(
    ("janon", "halton", "outcome"),
    [
        (0.97, 0.95, Outcome.HOLDS),
        (0.97, 0.80, Outcome.FAILS),
        (0.80, 0.95, Outcome.FAILS),
        (0.97, 0.90, Outcome.INCONCLUSIVE),
    ],
)
def test_estimators_and_samplers_must_all_agree(janon, halton, outcome):
    verdict = EstimatorInsensitive()(agreements(janon, halton))
    assert verdict.outcome == outcome
    assert verdict.effect == pytest.approx(min(janon, halton))
    assert verdict.low < verdict.effect < verdict.high
    assert "another seed 0.93" in verdict.measured
    assert "(30 images)" in verdict.measured


def test_no_comparison_at_that_size_is_not_run():
    assert EstimatorInsensitive(points=64)(agreements(1, 1)).outcome == Outcome.NOT_RUN


def errors(**factors):
    """Errors of Monte Carlo 2, 1 (N = 8, 32) times 2^±0.1; Sobol's are that over the factor."""
    generator = np.random.default_rng(0)
    tables = []
    for where, factor in factors.items():
        for points, error in ((8, 2.0), (32, 1.0)):
            wobble = 2.0 ** generator.uniform(-0.1, 0.1, size=(2, 30))
            for values, method in (
                (error * wobble[0], "monte-carlo"),
                (error / factor * wobble[1], "sobol, scrambled"),
                (np.array([8 * error]), "sobol, unscrambled"),
            ):
                tables.append(rows("RelativeError", method, "jansen", points, values, where, ""))
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize(
    ("factors", "outcome"),
    [
        ({"f": 4.0, "g": 2.0}, Outcome.HOLDS),
        ({"f": 4.0, "g": 0.5}, Outcome.FAILS),
        ({"f": 4.0, "g": 1.0}, Outcome.INCONCLUSIVE),
    ],
)
def test_quasi_monte_carlo_must_win_everywhere(factors, outcome):
    verdict = QuasiMonteCarloConverges()(errors(**factors))
    assert verdict.outcome == outcome
    assert verdict.effect == pytest.approx(np.log2(min(factors.values())), abs=0.03)
    assert "f 2.0" in verdict.measured
    assert "as released -3.0" in verdict.measured  # its one design against each of theirs


def test_without_monte_carlo_not_run():
    table = errors(f=2.0)
    left = table[table["method"] != "monte-carlo"]
    assert QuasiMonteCarloConverges()(left).outcome == Outcome.NOT_RUN
