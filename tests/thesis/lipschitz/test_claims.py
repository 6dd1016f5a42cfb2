"""Claims on 1-Lipschitz networks, on tables whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks_thesis.common.verdict import Outcome
from sparks_thesis.lipschitz.claims import (
    BaselineDifference,
    BoundaryInOneStep,
    CertificateHolds,
    SoftmaxLoss,
)

from ..common.network_rows import rows
from ..common.rows import around


@pytest.mark.parametrize(
    ("ours", "theirs", "higher", "wanted"),
    [
        (0.5, 0.3, True, Outcome.HOLDS),
        (0.5, 0.3, False, Outcome.FAILS),
        (0.3, 0.5, False, Outcome.HOLDS),
        (0.4, 0.4, True, Outcome.INCONCLUSIVE),
    ],
)
def test_a_network_is_compared_with_its_baseline(ours, theirs, higher, wanted):
    table = pd.concat(
        [
            rows("net", "M", around(ours), method="Saliency"),
            rows("net_unconstrained", "M", around(theirs, seed=1), method="Saliency"),
            rows("other", "M", around(9), method="Saliency"),
            rows("net", "M", around(-9), method="Random"),
        ]
    )
    verdict = BaselineDifference("M", higher)(table)
    assert verdict.outcome == wanted
    assert verdict.effect == pytest.approx((ours - theirs) * (1 if higher else -1), abs=0.01)


def test_every_data_set_and_condition_counts():
    table = pd.concat(
        [
            rows(model, "M", around(value, seed=k), condition, "Saliency", dataset=dataset)
            for k, (model, dataset, condition, value) in enumerate(
                [
                    ("net", "a", "one", 1.0), ("net_unconstrained", "a", "one", 0.0),
                    ("net", "b", "two", 0.0), ("net_unconstrained", "b", "two", 1.0),
                ]
            )
        ]
    )  # fmt: skip
    assert BaselineDifference("M", True, ["one"])(table).outcome == Outcome.HOLDS
    assert BaselineDifference("M", True, ["one", "two"])(table).outcome == Outcome.FAILS
    assert BaselineDifference("N", True)(table).outcome == Outcome.NOT_RUN


@pytest.mark.parametrize(
    ("norm", "left", "wanted"),
    [
        (1.0, 0.02, Outcome.HOLDS),
        (0.5, 0.02, Outcome.FAILS),
        (1.0, 0.5, Outcome.FAILS),
    ],
)
def test_one_step_must_have_norm_one_and_end_on_the_boundary(norm, left, wanted):
    table = pd.concat(
        [
            rows(model, metric, around(value, seed=3))
            for model in ("net", "net_unconstrained")
            for metric, value in (("GradientNorm", norm), ("BoundaryError", left))
        ]
    )
    assert BoundaryInOneStep()(table).outcome == wanted


def test_one_step_is_judged_on_orthogonal_convolutions_and_others_are_reported():
    def network(model, norm):
        return [
            rows(model, "GradientNorm", around(norm)),
            rows(model, "BoundaryError", around(0.02)),
        ]

    others = [*network("net", 0.3), *network("net_unconstrained", 5.0)]
    judge = BoundaryInOneStep(beside=["net"])
    verdict = judge(pd.concat([*others, *network("net_orthogonal", 1.0)]))
    assert verdict.outcome == Outcome.HOLDS
    assert "net on digits" in verdict.measured.partition("Not judged")[2]
    alone = judge(pd.concat(others))
    assert alone.outcome == Outcome.NOT_RUN
    assert "on other kinds alone" in alone.measured


def test_one_broken_certificate_contradicts():
    def table(attack, cosine):
        return pd.concat(
            [
                rows("net", "CertifiedRadius", np.ones(60)),
                rows("net", "AttackNorm", attack),
                rows("net", "AttackCosine", around(cosine)),
                rows("net_unconstrained", "AttackCosine", around(0.5)),
            ]
        )

    held, broken = np.full(60, 2.0), np.full(60, 2.0)
    broken[7] = 0.99
    assert CertificateHolds()(table(held, 0.95)).outcome == Outcome.HOLDS
    assert CertificateHolds()(table(broken, 0.95)).outcome == Outcome.FAILS
    assert CertificateHolds()(table(held, 0.5)).outcome == Outcome.FAILS
    assert "1 of 60" in CertificateHolds()(table(broken, 0.95)).measured


def test_the_softmax_loss_must_beat_the_earlier_and_match_the_baseline():
    def table(soft, earlier, baseline):
        named = {
            "hkr_convnet": soft,
            "hkr_convnet_one_vs_all": earlier,
            "hkr_convnet_unconstrained": baseline,
        }
        return pd.concat(
            [
                rows(m, "Accuracy", (np.arange(1000)[::step] < 1000 * a).astype(float), "test")
                for (m, a), step in zip(named.items(), (1, 1, -1), strict=True)
            ]
        )

    assert SoftmaxLoss()(table(0.98, 0.8, 0.98)).outcome == Outcome.HOLDS
    assert SoftmaxLoss()(table(0.95, 0.97, 0.95)).outcome == Outcome.FAILS
    assert SoftmaxLoss()(table(0.85, 0.8, 0.95)).outcome == Outcome.FAILS
    assert SoftmaxLoss()(table(0.9, 0.8, 0.9)[:1000]).outcome == Outcome.NOT_RUN
