"""The claims on the holistic framework, on made-up scores whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks_thesis.common.verdict import Outcome
from sparks_thesis.holistic import claims

from ..common.rows import noisy, without_numbers

YES, NO = Outcome.HOLDS, Outcome.FAILS


def ranked(method, short, layer="late"):
    """The three metrics of a method that falls short of the optimum, for the same images."""
    base = np.random.default_rng(1).normal(size=60)
    tables = []
    for metric, sign in (("C-Deletion", 1), ("C-Insertion", -1), ("C-MuFidelity", -1)):
        table = noisy(metric, method, 0, 0, layer=layer)
        own = short * (1 + 0.1 * (-1.0) ** np.arange(60))  # images are not all alike
        centre = 1 if metric == "C-MuFidelity" else base
        tables.append(table.assign(value=centre + sign * own))
    return pd.concat(tables)


def at_layers(rise=0.0, blind=1.0, early=0.5, error=1e-7):
    best = ("GradientInput", "IntegratedGradients", "Occlusion", "optimum at the last layer")
    blinds = ("Saliency", "SmoothGrad", "TCAV", "Sobol", "HSIC")
    return pd.concat(
        [
            *(ranked(m, 0.0) for m in best),
            ranked("RISE, all subsets", rise),
            ranked("RISE", 9.0),  # sampling error: reported, not judged
            *(ranked(m, blind) for m in blinds),
            *(ranked(m, early, "early") for m in (*best, *blinds)),
            *(noisy("IdentityError", m, error, 0, layer="late") for m in best[:3]),
        ]
    )


@pytest.mark.parametrize(("rise", "outcome"), [(0.001, YES), (0.5, NO)])
def test_optimal_at_the_last_layer(rise, outcome):
    verdict = claims.OptimalAtLastLayer()(at_layers(rise=rise))
    assert verdict.outcome == outcome
    assert "RISE with random subsets up to 10." in verdict.measured


@pytest.mark.parametrize(("blind", "outcome"), [(0.5, YES), (-0.5, NO)])
def test_sign_blind(blind, outcome):
    assert claims.SignBlindSuboptimal()(at_layers(blind=blind)).outcome == outcome


@pytest.mark.parametrize(("error", "outcome"), [(1e-7, YES), (0.1, NO)])
def test_the_same_at_the_last_layer(error, outcome):
    assert claims.SameAtLastLayer()(at_layers(error=error)).outcome == outcome


@pytest.mark.parametrize(("early", "outcome"), [(0.9, YES), (0.0, NO)])
def test_most_faithful_at_the_last_layer(early, outcome):
    table = at_layers(early=early, blind=0.5)
    assert claims.LastLayerMostFaithful()(table).outcome == outcome


def test_methods_that_explain_earlier_layers_only_do_not_count():
    claim = claims.LastLayerMostFaithful()
    table = at_layers(early=0.0, blind=0.5)
    poor = ranked("GuidedBackprop", 10.0, "early")
    assert claim(pd.concat([table, poor])).effect == claim(table).effect
    exact = ranked("Shapley, all subsets", 0.0, "late")
    assert claim(pd.concat([table, exact])).effect == claim(table).effect


def extraction(pca, nmf, kmeans, stable=(0.7, 0.8, 0.8)):
    scores = {
        "RelativeL2": (pca, nmf, kmeans),
        "Sparsity": (0.0, 0.4, 0.9),
        "StabilityAboveChance": stable,
    }
    return pd.concat(
        [
            noisy(metric, method, value, n=10, unit="target", analysis="last")
            for metric, values in scores.items()
            for method, value in zip(("PCA", "NMF", "K-Means"), values, strict=True)
        ]
    )


@pytest.mark.parametrize(("errors", "outcome"), [((0.1, 0.2, 0.4), YES), ((0.3, 0.2, 0.4), NO)])
def test_extraction(errors, outcome):
    assert claims.ExtractionTradeoff()(extraction(*errors)).outcome == outcome


def test_stability_is_compared_above_chance_only():
    table = extraction(0.1, 0.2, 0.4, stable=(0.8, 0.5, 0.5))
    bare = noisy("Stability", "PCA", 0.8, n=10, unit="target", analysis="last")
    table = pd.concat([table, bare, bare.assign(method="NMF", value=0.9)])
    assert claims.ExtractionTradeoff()(table).outcome == NO


def strategies(prevalence, reliability):
    n = len(prevalence)
    columns = {"Prevalence": prevalence, "Reliability": reliability, "Dominated": np.full(n, 5.0)}
    return pd.concat(
        [
            noisy(metric, "NMF", 0, 0, n, "concept", class_name="disc").assign(value=values)
            for metric, values in columns.items()
        ]
    )


def test_prevalence_and_reliability():
    often = np.linspace(0.05, 0.9, 40)
    unrelated = np.random.default_rng(0).permutation(np.linspace(0.2, 0.99, 40))
    claim = claims.PrevalenceReliability()
    assert claim(strategies(often, unrelated)).outcome == YES
    assert claim(strategies(often, often)).outcome == NO
    assert claim(strategies(often, np.ones(40))).outcome == Outcome.NOT_RUN


@pytest.mark.parametrize(
    "claim",
    [
        claims.SameAtLastLayer(),
        claims.OptimalAtLastLayer(),
        claims.SignBlindSuboptimal(),
        claims.LastLayerMostFaithful(),
        claims.ExtractionTradeoff(),
        claims.PrevalenceReliability(),
    ],
    ids=lambda c: type(c).__name__,
)
def test_without_numbers_no_verdict(claim):
    assert without_numbers(claim) == Outcome.NOT_RUN
