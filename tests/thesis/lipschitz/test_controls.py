"""Controls of the claims on 1-Lipschitz networks, on numbers whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.stats import Bootstrap
from sparks_thesis.lipschitz.claims import BoundaryInOneStep
from sparks_thesis.lipschitz.controls import (
    AboveChance,
    BaselineFails,
    DirectionMatters,
    FalseCertificates,
)

from ..common.network_rows import evaluated, rows
from ..common.rows import around

B = Bootstrap(resamples=100)


@pytest.mark.parametrize(("norm", "passed"), [(8.0, True), (1.0, False)])
def test_the_unconstrained_baseline_must_not_meet_the_criterion(norm, passed):
    table = pd.concat(
        rows(model, metric, around(value))
        for model, values in (("net", (1.0, 0.02)), ("net_unconstrained", (norm, 0.02)))
        for metric, value in zip(("GradientNorm", "BoundaryError"), values, strict=True)
    )
    check = BoundaryInOneStep(bootstrap=B)
    assert check(table).outcome == "holds"
    assert BaselineFails(check)(table)[0] is passed
    assert not BaselineFails(check, beside=["net"])(table)[0]  # nothing is judged


@pytest.mark.parametrize(("attack", "passed"), [(0.5, True), (2.0, False)])
def test_attacks_break_the_certificates_of_a_network_that_is_no_lipschitz_network(attack, passed):
    """Certified radius .01 by a bound of 100: called 1-Lipschitz, it would be 1."""
    values = {"AttackNorm": attack, "CertifiedRadius": 0.01, "LipschitzBound": 100.0}
    table = pd.concat(rows("net_unconstrained", m, np.full(20, v)) for m, v in values.items())
    found, text = FalseCertificates()(table)
    assert found is passed, text
    assert not FalseCertificates()(table.assign(model="net"))[0]


@pytest.mark.parametrize(("aside", "passed"), [(0.1, True), (0.8, False)])
def test_a_random_direction_must_lead_there_less_often(aside, passed):
    shares = {"CounterfactualFollowed": 0.8, "CounterfactualAside": aside}
    table = pd.concat(
        rows(model, metric, (np.arange(60) < 60 * share).astype(float), t=3.0)
        for model in ("net", "net_unconstrained")
        for metric, share in shares.items()
    )
    assert DirectionMatters(3.0, bootstrap=B)(table)[0] is passed
    assert not DirectionMatters(1.0, bootstrap=B)(table)[0]


@pytest.mark.parametrize(("share", "passed"), [(0.5, True), (0.1, False)])
def test_networks_that_learnt_nothing_say_nothing(share, passed):
    table = evaluated("net", share, 0.1)
    assert AboveChance(["net"])(table)[0] is passed
    assert not AboveChance(["net"])(evaluated("net", share, 0.5))[0]
    assert not AboveChance(["other"])(table)[0]
