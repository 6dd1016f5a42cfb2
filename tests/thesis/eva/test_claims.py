"""Claims on EVA: made-up scores whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks.stats import Bootstrap
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.eva.claims import (
    BoundSound,
    Certifies,
    Faster,
    OptimalSubset,
    Ranks,
    TargetedSign,
    TighterIsBetter,
    usual,
)

BOOTSTRAP = Bootstrap(resamples=50)
NOISE = np.random.default_rng(0).normal(0, 0.01, 30)


def rows(metric, values, method="EVA", model="mlp", dataset="digits", unit="image", **columns):
    values = np.asarray(values, dtype=float)
    table = pd.DataFrame(
        {
            "experiment": "eva",
            "dataset": dataset,
            "model": model,
            "method": method,
            "metric": metric,
            unit: range(len(values)),
            "seed": 0,
            "value": values,
        }
    )
    return as_results(table, **columns)


def balls(sampled, attacked, certified, epsilon=0.1):
    found = {"Sampled": sampled, "Attacked": attacked, "Certified": certified}
    return pd.concat([rows(f"{k}Overlap", v, epsilon=epsilon) for k, v in found.items()])


def test_one_point_above_its_bound_contradicts_soundness():
    good = balls([-2, 0.5], [-1, 1], [-0.5, 1.5])
    smallest = rows("SmallestEVA", [0.0, 0.2])
    assert BoundSound()(pd.concat([good, smallest])).outcome == Outcome.HOLDS
    broken = pd.concat([balls([-2, 0.5], [-1, 1.6], [-0.5, 1.5]), smallest])
    assert BoundSound()(broken).outcome == Outcome.FAILS
    negative = pd.concat([good, rows("SmallestEVA", [0.0, -1e-3])])
    verdict = BoundSound()(negative)
    assert verdict.outcome == Outcome.FAILS
    assert verdict.effect == 0.5  # of two images
    assert "1 violations in 2 balls and 2 images" in verdict.measured
    assert BoundSound()(smallest).outcome == Outcome.NOT_RUN


def test_certificates_are_judged_on_certified_balls_alone():
    verdict = Certifies()(balls([-2, 0.5], [-1, 1], [-0.5, 1.5]))
    assert verdict.outcome == Outcome.HOLDS
    assert "0 of 1 certified balls, and 1 of the 1 others" in verdict.measured
    assert verdict.effect == 0
    assert verdict.detectable == pytest.approx(0.8)  # of one image
    assert Certifies()(balls([-2], [0.1], [-0.5])).outcome == Outcome.FAILS
    assert Certifies()(balls([-2], [0.1], [0.5])).outcome == Outcome.NOT_RUN


@pytest.mark.parametrize(
    ("eva", "place", "outcome"),
    [
        (0.1, 1, Outcome.HOLDS),  # Deletion: lower is better
        (0.4, 1, Outcome.FAILS),
        (0.4, 2, Outcome.HOLDS),
        (0.3, 1, Outcome.INCONCLUSIVE),
        (0.9, 2, Outcome.FAILS),
    ],
)
def test_a_rank_is_reached_against_the_rival_that_holds_it(eva, place, outcome):
    table = pd.concat(
        [
            rows("Deletion", eva + NOISE[::-1]),
            rows("Deletion", 0.3 + NOISE, "RISE"),
            rows("Deletion", 0.6 + NOISE, "Saliency"),
            rows("Deletion", 0.0 + NOISE, "Other"),
        ]
    )
    claim = Ranks(["mlp"], {"EVA": {"Deletion": place}}, ["EVA", "RISE", "Saliency"], BOOTSTRAP)
    assert claim(table).outcome == outcome
    other = Ranks(["vgg16"], {"EVA": {"Deletion": 1}}, ["RISE"], BOOTSTRAP)
    assert other(table).outcome == Outcome.NOT_RUN


def bound(name, tightness, deletion):
    parts = {"Tightness": tightness, "Deletion": deletion, "Insertion": 1 - deletion}
    parts |= {"MuFidelity": 1 - deletion, "Robustness-Sr": deletion}
    return pd.concat([rows(m, v + NOISE, bound=name) for m, v in parts.items()])


def test_tighter_bounds_are_better_when_the_orders_agree():
    names = ["IBP", "Forward", "Backward", "IBP+Forward+Backward"]
    agree = pd.concat([bound(n, 4.0 - i, 0.4 - 0.1 * i) for i, n in enumerate(names)])
    verdict = TighterIsBetter(BOOTSTRAP)(agree)
    assert verdict.outcome == Outcome.HOLDS
    assert verdict.effect == pytest.approx(1)
    assert verdict.measured.endswith("IBP+Forward+Backward < Backward < Forward < IBP")
    oppose = pd.concat([bound(n, 4.0 - i, 0.1 * i) for i, n in enumerate(names)])
    assert TighterIsBetter(BOOTSTRAP)(oppose).outcome == Outcome.FAILS


def test_far_cheaper_means_on_every_network():
    def costs(greedy):
        models = [("mlp", greedy[0]), ("convnet", greedy[1])]
        return pd.concat(
            [rows("Flops", [g], "Greedy-AS", model=m) for m, g in models]
            + [rows("Flops", [2.0], model=m) for m, _ in models]
        )

    assert Faster()(costs([200, 30])).outcome == Outcome.HOLDS
    assert Faster()(costs([200, 3])).outcome == Outcome.INCONCLUSIVE
    assert Faster()(costs([2, 3])).outcome == Outcome.FAILS
    assert "mlp on digits: 100.0" in Faster()(costs([200, 30])).measured


def test_best_subsets_are_counted_by_kind_of_network():
    def subsets(linear, other):
        parts = [("linear", linear), ("one hidden layer", other)]
        return pd.concat(
            [rows("SubsetOverlap", v, subset=1, architecture=k, unit="repeat") for k, v in parts]
            + [
                rows("BestOverlap", [1.0, 1.0], subset=1, architecture=k, unit="repeat")
                for k, _ in parts
            ]
        )

    assert OptimalSubset()(subsets([1, 1], [1, 1])).outcome == Outcome.HOLDS
    assert OptimalSubset()(subsets([1, 1], [1, 0.5])).outcome == Outcome.INCONCLUSIVE
    assert OptimalSubset()(subsets([1, 0.5], [1, 1])).outcome == Outcome.FAILS


def test_ink_must_help_on_both_sides():
    def gains(add, remove):
        return pd.concat(
            [
                rows("GainAdd", add + NOISE),
                rows("GainRemove", remove + NOISE),
                rows("GainAddRandom", NOISE[::-1]),
                rows("GainRemoveRandom", NOISE[::-1]),
            ]
        )

    assert TargetedSign(BOOTSTRAP)(gains(1.0, 0.5)).outcome == Outcome.HOLDS
    assert TargetedSign(BOOTSTRAP)(gains(1.0, -0.5)).outcome == Outcome.FAILS


def test_rows_under_another_removal_are_no_part_of_a_claim():
    table = pd.DataFrame(
        {
            "epsilon": [np.nan] * 2,
            "attack_steps": [np.nan] * 2,
            "bound": "",
            "baseline": ["", "black"],
        }
    )
    assert usual(table)["baseline"].tolist() == [""]
