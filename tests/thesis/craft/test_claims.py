"""The claims on concepts, on made-up scores whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.craft import claims as craft
from sparks_thesis.holistic import claims as holistic

GENERATOR = np.random.default_rng(0)
YES, NO, OPEN = Outcome.HOLDS, Outcome.FAILS, Outcome.INCONCLUSIVE


def rows(metric, method, centre, noise=0.01, n=60, unit="image", **columns):
    values = centre + noise * GENERATOR.normal(size=n)
    known = {"metric": metric, "method": method}
    units = {unit: range(n), "value": values}
    table = pd.DataFrame({"dataset": "chimera", "model": "convnet", "seed": 0, **known, **units})
    return as_results(table, **columns)


def deleted(sobol, tcav, noise=0.01):
    return pd.concat(
        [
            rows(metric, method, sign * area, noise, dictionary=bank)
            for bank in ("NMF", "PCA", "ICA")
            for metric, sign in (("C-Deletion", 1), ("C-Insertion", -1))
            for method, area in (("Sobol", sobol), ("TCAV", tcav))
        ]
    )


@pytest.mark.parametrize(
    ("table", "outcome"),
    [(deleted(1, 2), YES), (deleted(2, 1), NO), (deleted(1, 1.01, noise=1), OPEN)],
)
def test_sobol_beats_tcav(table, outcome):
    verdict = craft.SobolBeatsTcav()(table)
    assert verdict.outcome == outcome
    assert "ICA bank" in verdict.measured


def coherence(concept, sub, choice, n=2000):
    def shares(metric, granularity, share):
        table = rows(metric, "machine", 0, 0, n, "trial", granularity=granularity)
        return table.assign(value=(np.arange(n) < share * n).astype(float))

    return pd.concat(
        [
            shares("IntruderAccuracy", "concept", concept),
            shares("IntruderAccuracy", "sub-concept", sub),
            shares("BinaryChoiceRate", "sub-concept", choice),
        ]
    )


@pytest.mark.parametrize(
    ("table", "outcome"),
    [
        (coherence(0.5, 0.6, 0.8), YES),
        (coherence(0.6, 0.5, 0.8), NO),
        (coherence(0.5, 0.6, 0.6), NO),
        (coherence(0.5, 0.51, 0.8), OPEN),
    ],
)
def test_sub_concepts(table, outcome):
    assert craft.SubConceptsCoherent()(table).outcome == outcome


def derivatives(exact, wrong):
    pairs = {"active set": exact, "KKT system": exact, "pseudo-inverse": wrong}
    return pd.concat([rows("DerivativeError", m, v, v / 100) for m, v in pairs.items()])


@pytest.mark.parametrize(("exact", "wrong", "outcome"), [(1e-9, 5, YES), (0.5, 5, NO), (0, 0, NO)])
def test_implicit_gradient(exact, wrong, outcome):
    assert craft.ImplicitGradient()(derivatives(exact, wrong)).outcome == outcome


@pytest.mark.parametrize(("last", "outcome"), [(0.1, YES), (0.8, NO)])
def test_randomised_weights(last, outcome):
    table = pd.concat(
        [
            rows(metric, "CRAFT", value, randomised=share)
            for metric in ("MapSpearman", "ImportanceSpearman")
            for share, value in ((0.25, 0.9), (1.0, last))
        ]
    )
    assert craft.SanityRandomisation()(table).outcome == outcome


def ranked(method, short, layer="late"):
    """The three metrics of a method that falls short of the optimum, for the same images."""
    base = np.random.default_rng(1).normal(size=60)
    tables = []
    for metric, sign in (("C-Deletion", 1), ("C-Insertion", -1), ("C-MuFidelity", -1)):
        table = rows(metric, method, 0, 0, layer=layer)
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
            *(rows("IdentityError", m, error, 0, layer="late") for m in best[:3]),
        ]
    )


@pytest.mark.parametrize(("rise", "outcome"), [(0.001, YES), (0.5, NO)])
def test_optimal_at_the_last_layer(rise, outcome):
    verdict = holistic.OptimalAtLastLayer()(at_layers(rise=rise))
    assert verdict.outcome == outcome
    assert "RISE with random subsets up to 10." in verdict.measured


@pytest.mark.parametrize(("blind", "outcome"), [(0.5, YES), (-0.5, NO)])
def test_sign_blind(blind, outcome):
    assert holistic.SignBlindSuboptimal()(at_layers(blind=blind)).outcome == outcome


@pytest.mark.parametrize(("error", "outcome"), [(1e-7, YES), (0.1, NO)])
def test_the_same_at_the_last_layer(error, outcome):
    assert holistic.SameAtLastLayer()(at_layers(error=error)).outcome == outcome


@pytest.mark.parametrize(("early", "outcome"), [(0.9, YES), (0.0, NO)])
def test_most_faithful_at_the_last_layer(early, outcome):
    table = at_layers(early=early, blind=0.5)
    assert holistic.LastLayerMostFaithful()(table).outcome == outcome


def test_methods_that_explain_earlier_layers_only_do_not_count():
    claim = holistic.LastLayerMostFaithful()
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
            rows(metric, method, value, n=10, unit="target", analysis="last")
            for metric, values in scores.items()
            for method, value in zip(("PCA", "NMF", "K-Means"), values, strict=True)
        ]
    )


@pytest.mark.parametrize(("errors", "outcome"), [((0.1, 0.2, 0.4), YES), ((0.3, 0.2, 0.4), NO)])
def test_extraction(errors, outcome):
    assert holistic.ExtractionTradeoff()(extraction(*errors)).outcome == outcome


def test_stability_is_compared_above_chance_only():
    table = extraction(0.1, 0.2, 0.4, stable=(0.8, 0.5, 0.5))
    bare = rows("Stability", "PCA", 0.8, n=10, unit="target", analysis="last")
    table = pd.concat([table, bare, bare.assign(method="NMF", value=0.9)])
    assert holistic.ExtractionTradeoff()(table).outcome == NO


def strategies(prevalence, reliability):
    n = len(prevalence)
    columns = {"Prevalence": prevalence, "Reliability": reliability, "Dominated": np.full(n, 5.0)}
    return pd.concat(
        [
            rows(metric, "NMF", 0, 0, n, "concept", class_name="disc").assign(value=values)
            for metric, values in columns.items()
        ]
    )


def test_prevalence_and_reliability():
    often = np.linspace(0.05, 0.9, 40)
    unrelated = GENERATOR.permutation(np.linspace(0.2, 0.99, 40))
    claim = holistic.PrevalenceReliability()
    assert claim(strategies(often, unrelated)).outcome == YES
    assert claim(strategies(often, often)).outcome == NO
    assert claim(strategies(often, np.ones(40))).outcome == Outcome.NOT_RUN


@pytest.mark.parametrize(
    "claim",
    [
        craft.SobolBeatsTcav(),
        craft.SubConceptsCoherent(),
        craft.ImplicitGradient(),
        craft.SanityRandomisation(),
        holistic.SameAtLastLayer(),
        holistic.OptimalAtLastLayer(),
        holistic.SignBlindSuboptimal(),
        holistic.LastLayerMostFaithful(),
        holistic.ExtractionTradeoff(),
        holistic.PrevalenceReliability(),
    ],
    ids=lambda c: type(c).__name__,
)
def test_without_numbers_no_verdict(claim):
    table = rows("Accuracy", "", 1.0)
    assert claim(table).outcome == Outcome.NOT_RUN
