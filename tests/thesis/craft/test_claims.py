"""The claims on CRAFT, on made-up scores whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks_thesis.common.verdict import Outcome
from sparks_thesis.craft import claims

from ..common.rows import noisy, without_numbers

YES, NO, OPEN = Outcome.HOLDS, Outcome.FAILS, Outcome.INCONCLUSIVE


def deleted(sobol, tcav, noise=0.01):
    return pd.concat(
        [
            noisy(metric, method, sign * area, noise, dictionary=bank)
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
    verdict = claims.SobolBeatsTcav()(table)
    assert verdict.outcome == outcome
    assert "ICA bank" in verdict.measured


def coherence(concept, sub, choice, n=2000):
    def shares(metric, granularity, share):
        table = noisy(metric, "machine", 0, 0, n, "trial", granularity=granularity)
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
    assert claims.SubConceptsCoherent()(table).outcome == outcome


def derivatives(exact, wrong):
    pairs = {"active set": exact, "KKT system": exact, "pseudo-inverse": wrong}
    return pd.concat([noisy("DerivativeError", m, v, v / 100) for m, v in pairs.items()])


@pytest.mark.parametrize(("exact", "wrong", "outcome"), [(1e-9, 5, YES), (0.5, 5, NO), (0, 0, NO)])
def test_implicit_gradient(exact, wrong, outcome):
    assert claims.ImplicitGradient()(derivatives(exact, wrong)).outcome == outcome


@pytest.mark.parametrize(("last", "outcome"), [(0.1, YES), (0.8, NO)])
def test_randomised_weights(last, outcome):
    table = pd.concat(
        [
            noisy(metric, "CRAFT", value, randomised=share)
            for metric in ("MapSpearman", "ImportanceSpearman")
            for share, value in ((0.25, 0.9), (1.0, last))
        ]
    )
    assert claims.SanityRandomisation()(table).outcome == outcome


def test_importances_that_random_weights_leave_without_an_order_are_no_evidence():
    maps = [noisy("MapSpearman", "CRAFT", v, randomised=s) for s, v in ((0.25, 0.9), (1.0, 0.1))]
    orders = [
        noisy("ImportanceSpearman", "CRAFT", v, randomised=s)
        for s, v in ((0.25, 0.1), (1.0, np.nan))
    ]
    verdict = claims.SanityRandomisation()(pd.concat(maps + orders))
    assert verdict.outcome is Outcome.HOLDS
    assert "ImportanceSpearman of m on d is undefined" in verdict.measured
    alone = claims.SanityRandomisation()(pd.concat(orders))
    assert alone.outcome is Outcome.INVALID


@pytest.mark.parametrize(
    "claim",
    [
        claims.SobolBeatsTcav(),
        claims.SubConceptsCoherent(),
        claims.ImplicitGradient(),
        claims.SanityRandomisation(),
    ],
    ids=lambda c: type(c).__name__,
)
def test_without_numbers_no_verdict(claim):
    assert without_numbers(claim) == Outcome.NOT_RUN
