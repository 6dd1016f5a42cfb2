"""Claims of the alignment part, on tables whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.claims.alignment import ImprovesBoth
from sparks.claims.lipschitz import (
    BoundaryInOneStep,
    CertificateHolds,
    SoftmaxLoss,
    TwinDifference,
)
from sparks.claims.verdict import Outcome


def rows(model, metric, values, condition="", method="", dataset="digits", seed=0):
    return pd.DataFrame(
        {
            "experiment": "x", "dataset": dataset, "model": model, "variant": "",
            "condition": condition, "method": method, "metric": metric,
            "image": range(len(values)), "seed": seed, "value": values,
        }
    )  # fmt: skip


def noisy(mean, n=60, seed=0):
    return mean + 0.01 * np.random.default_rng(seed).standard_normal(n)


@pytest.mark.parametrize(
    ("ours", "theirs", "higher", "wanted"),
    [
        (0.5, 0.3, True, Outcome.REPLICATED),
        (0.5, 0.3, False, Outcome.CONTRADICTED),
        (0.3, 0.5, False, Outcome.REPLICATED),
        (0.4, 0.4, True, Outcome.INCONCLUSIVE),
    ],
)
def test_a_network_is_compared_with_its_twin(ours, theirs, higher, wanted):
    table = pd.concat(
        [
            rows("net", "M", noisy(ours), method="Saliency"),
            rows("net_twin", "M", noisy(theirs, seed=1), method="Saliency"),
            rows("other", "M", noisy(9), method="Saliency"),
            rows("net", "M", noisy(-9), method="Random"),
        ]
    )
    verdict = TwinDifference("M", higher)(table)
    assert verdict.outcome == wanted
    assert verdict.effect == pytest.approx((ours - theirs) * (1 if higher else -1), abs=0.01)


def test_every_data_set_and_condition_counts():
    table = pd.concat(
        [
            rows(model, "M", noisy(value, seed=k), condition, "Saliency", dataset)
            for k, (model, dataset, condition, value) in enumerate(
                [
                    ("net", "a", "one", 1.0), ("net_twin", "a", "one", 0.0),
                    ("net", "b", "two", 0.0), ("net_twin", "b", "two", 1.0),
                ]
            )
        ]
    )  # fmt: skip
    assert TwinDifference("M", True, ["one"])(table).outcome == Outcome.REPLICATED
    assert TwinDifference("M", True, ["one", "two"])(table).outcome == Outcome.CONTRADICTED
    assert TwinDifference("N", True)(table).outcome == Outcome.NOT_RUN


@pytest.mark.parametrize(
    ("norm", "left", "wanted"),
    [
        (1.0, 0.02, Outcome.REPLICATED),
        (0.5, 0.02, Outcome.CONTRADICTED),
        (1.0, 0.5, Outcome.CONTRADICTED),
    ],
)
def test_one_step_must_have_norm_one_and_end_on_the_boundary(norm, left, wanted):
    table = pd.concat(
        [
            rows(model, metric, noisy(value, seed=3))
            for model in ("net", "net_twin")
            for metric, value in (("GradientNorm", norm), ("BoundaryError", left))
        ]
    )
    assert BoundaryInOneStep()(table).outcome == wanted


def test_one_broken_certificate_contradicts():
    def table(attack, cosine):
        return pd.concat(
            [
                rows("net", "CertifiedRadius", np.ones(60)),
                rows("net", "AttackNorm", attack),
                rows("net", "AttackCosine", noisy(cosine)),
                rows("net_twin", "AttackCosine", noisy(0.5)),
            ]
        )

    held, broken = np.full(60, 2.0), np.full(60, 2.0)
    broken[7] = 0.99
    assert CertificateHolds()(table(held, 0.95)).outcome == Outcome.REPLICATED
    assert CertificateHolds()(table(broken, 0.95)).outcome == Outcome.CONTRADICTED
    assert CertificateHolds()(table(held, 0.5)).outcome == Outcome.CONTRADICTED
    assert "1 of 60" in CertificateHolds()(table(broken, 0.95)).measured


def test_the_softmax_loss_must_beat_the_earlier_and_match_the_twin():
    def table(soft, earlier, twin):
        named = {"hkr_convnet": soft, "hkr_convnet_one_vs_all": earlier, "hkr_convnet_twin": twin}
        return pd.concat(
            [
                rows(m, "Accuracy", (np.arange(1000) < 1000 * a).astype(float), "test")
                for m, a in named.items()
            ]
        )

    assert SoftmaxLoss()(table(0.95, 0.8, 0.95)).outcome == Outcome.REPLICATED
    assert SoftmaxLoss()(table(0.95, 0.97, 0.95)).outcome == Outcome.CONTRADICTED
    assert SoftmaxLoss()(table(0.85, 0.8, 0.95)).outcome == Outcome.CONTRADICTED
    assert SoftmaxLoss()(table(0.9, 0.8, 0.9)[:1000]).outcome == Outcome.NOT_RUN


def harmonized(gains):
    """Three seeds of a baseline and of networks with these gains (alignment, accuracy) by λ."""
    found = []
    for seed in range(3):
        for weight, (aligned, accurate) in {0: (0, 0), **gains}.items():
            model = f"net_lambda_{weight}"
            right = np.arange(100) < 100 * (0.5 + accurate) + seed
            found += [
                rows(model, "Spearman", noisy(0.3 + aligned, seed=seed), "max-abs", seed=seed),
                rows(model, "HumanCeiling", np.full(60, 0.6), seed=seed),
                rows(model, "Accuracy", right.astype(float), "test", seed=seed),
            ]  # fmt: skip
    return pd.concat(found)


def test_harmonizing_must_raise_alignment_and_accuracy():
    assert ImprovesBoth()(harmonized({10: (0.2, 0.1)})).outcome == Outcome.REPLICATED
    assert ImprovesBoth()(harmonized({10: (0.2, -0.1)})).outcome == Outcome.CONTRADICTED
    best = ImprovesBoth()(harmonized({1: (0.1, -0.1), 10: (0.3, 0.1)}))
    assert best.outcome == Outcome.REPLICATED
    assert "λ = 10, alignment +50.0 points" in best.measured  # 0.3 of a ceiling of 0.6
    assert ImprovesBoth()(rows("net", "Accuracy", [1.0])).outcome == Outcome.NOT_RUN
