"""HSIC's forward passes against the best rival's, on made-up scores whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.sobol.claims_budget import FewerForwards

MARGINS = {"Deletion": 0.02, "Insertion": 0.02, "MuFidelity": 0.05}
CLAIM = FewerForwards(MARGINS, ["RISE", "Sobol", "LIME"])


def table(curves, metric="Insertion", noise=0.001, images=40):
    """Scores from {method: {forwards: mean}}, the same deviations of images for all methods."""
    deviation = noise * np.random.default_rng(0).normal(size=images)
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "dataset": "d",
                    "model": "m",
                    "method": method,
                    "forwards": forwards,
                    "metric": metric,
                    "seed": 0,
                    "image": range(images),
                    "value": mean + deviation,
                }
            )
            for method, curve in curves.items()
            for forwards, mean in curve.items()
        ],
        ignore_index=True,
    )
    return as_results(rows)


RISE = {128: 0.5, 512: 0.7, 2048: 0.89, 4096: 0.9}
SOBOL = {128: 0.6, 512: 0.8, 2048: 0.85}


def test_the_ratio_is_between_the_fewest_passes_that_come_within_the_margin():
    verdict = CLAIM(table({"RISE": RISE, "Sobol": SOBOL, "HSIC": {128: 0.6, 512: 0.885}}))
    assert verdict.outcome == Outcome.HOLDS
    assert verdict.effect == verdict.low == verdict.high == 2048 / 512
    assert "best RISE with 2048, HSIC with 512" in verdict.measured


@pytest.mark.parametrize(
    ("hsic", "outcome", "ratio"),
    [
        ({128: 0.9}, Outcome.HOLDS, 16),
        ({2048: 0.95}, Outcome.FAILS, 1),
        ({128: 0.5, 4096: 0.6}, Outcome.FAILS, 0),  # never as good
    ],
)
def test_verdicts(hsic, outcome, ratio):
    verdict = CLAIM(table({"RISE": RISE, "HSIC": hsic}))
    assert verdict.outcome == outcome
    assert verdict.effect == ratio


def test_a_tie_that_depends_on_the_images_is_inconclusive():
    near = table({"RISE": {2048: 0.9}})
    doubtful = table({"HSIC": {128: 0.88, 4096: 0.95}})
    generator = np.random.default_rng(1)
    doubtful["value"] += 0.1 * generator.normal(size=len(doubtful))
    verdict = CLAIM(pd.concat([near, doubtful], ignore_index=True))
    assert verdict.outcome == Outcome.INCONCLUSIVE
    assert verdict.low < 2 < verdict.high


def test_lower_is_better_in_deletion_and_every_metric_counts():
    good = table({"RISE": RISE, "HSIC": {128: 0.9}})
    falling = {"RISE": {128: 0.5, 4096: 0.1}, "HSIC": {128: 0.5, 4096: 0.4}}
    verdict = CLAIM(pd.concat([good, table(falling, "Deletion")], ignore_index=True))
    assert verdict.outcome == Outcome.FAILS
    assert verdict.effect == 0
    assert "HSIC never as good" in verdict.measured


def test_without_budgets_not_run():
    alone = table({"RISE": RISE, "HSIC": {128: 0.9}}).assign(forwards=pd.NA)
    assert CLAIM(alone).outcome == Outcome.NOT_RUN
    assert CLAIM(table({"HSIC": {128: 0.9}})).outcome == Outcome.NOT_RUN
