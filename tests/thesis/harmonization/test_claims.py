"""Claims of the alignment part, on tables whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.harmonization.claims import (
    GainOrder,
    HowCurves,
    ImprovesBoth,
    LipschitzAligned,
    OutsideHull,
    OutsideMeasuredHull,
    Tradeoff,
)

from ..common.network_rows import rows
from ..common.rows import around


def harmonized(gains):
    """Three seeds of a baseline and of networks with these gains (alignment, accuracy) by λ."""
    found = []
    for seed in range(3):
        for weight, (aligned, accurate) in {0: (0, 0), **gains}.items():
            model = f"net_lambda_{weight}"
            differs = seed - 1 if weight else 0  # networks of one kind are not all alike
            right = np.arange(100) < 100 * (0.5 + accurate) + differs
            like_people = around(0.3 + aligned + 0.01 * differs)
            found += [
                rows(model, "Spearman", like_people, "max-abs", seed=seed),
                rows(model, "HumanCeiling", np.full(60, 0.6), seed=seed),
                rows(model, "Accuracy", right.astype(float), "test", seed=seed),
            ]  # fmt: skip
    return pd.concat(found)


def test_harmonizing_must_raise_alignment_and_accuracy():
    assert ImprovesBoth()(harmonized({10: (0.2, 0.1)})).outcome == Outcome.HOLDS
    assert ImprovesBoth()(harmonized({10: (0.2, -0.1)})).outcome == Outcome.FAILS
    best = ImprovesBoth()(harmonized({1: (0.1, -0.1), 10: (0.3, 0.1)}))
    assert best.outcome == Outcome.HOLDS
    assert "λ = 10, alignment +50.0 points" in best.measured  # 0.3 of a ceiling of 0.6
    assert ImprovesBoth()(rows("net", "Accuracy", [1.0])).outcome == Outcome.NOT_RUN


def test_the_weight_is_chosen_on_other_seeds_than_those_that_judge():
    """Each weight is good on one seed by chance: the best of each seed would win everywhere."""
    found = []
    for seed in range(3):
        for weight in (0, 1, 2, 3):
            lucky = 0.3 if weight == seed + 1 else -0.05 + 0.01 * seed
            aligned = 0.3 + (lucky if weight else 0)
            found.append(network(f"net_lambda_{weight}", aligned, 0.7, seed))
    verdict = ImprovesBoth()(pd.concat(found))
    assert verdict.effect < 0
    assert verdict.outcome != Outcome.HOLDS


def test_two_seeds_are_too_few_for_an_interval():
    table = harmonized({10: (0.2, 0.1)})
    verdict = ImprovesBoth()(table[table["seed"] < 2])
    assert verdict.outcome == Outcome.INCONCLUSIVE
    assert np.isnan(verdict.low)
    assert "fewer than three seeds" in verdict.measured


def network(model, aligned, accurate, seed=0, revealed=0.5):
    """Numbers of one network: alignment over a human ceiling of .5, accuracies."""
    return pd.concat(
        [
            rows(model, "Spearman", [aligned / 2], "max-abs", "Saliency", seed=seed),
            rows(model, "HumanCeiling", [0.5], seed=seed),
            rows(model, "Accuracy", [accurate], "test", seed=seed),
            *(
                rows(model, "RevealedAccuracy", [value], share, seed=seed)
                for share, value in (("0", 0.0), ("0.1", revealed), ("0.4", revealed), ("1", 1.0))
            ),
        ]
    )


def networks(**gains):
    """A baseline of alignment .1 and a harmonized network of each architecture, three seeds."""
    return pd.concat(
        network(f"{name}_lambda_{w}", 0.1 + (gain * (0.9 + 0.1 * seed) if w else 0), 0.7, seed)
        for name, gain in gains.items()
        for w in (0, 5)
        for seed in range(3)
    )


@pytest.mark.parametrize(
    ("gains", "wanted", "effect"),
    [
        ({"vit": 0.4, "vgg": 0.3, "resnet": 0.1}, Outcome.HOLDS, 0.1),
        ({"vit": 0.4, "resnet": 0.1}, Outcome.HOLDS, 0.3),
        ({"vit": 0.2, "vgg": 0.3, "resnet": 0.1}, Outcome.FAILS, -0.1),
        ({"vit": 0.2, "other": 0.3}, Outcome.NOT_RUN, None),
    ],
)
def test_the_order_of_gains(gains, wanted, effect):
    verdict = GainOrder(["vit", "vgg", "resnet"])(networks(**gains))
    assert verdict.outcome == wanted
    if effect is not None:
        assert verdict.effect == pytest.approx(effect)


def test_how_curves_are_compared_with_an_ideal_observer():
    table = pd.concat(
        network(f"net_lambda_{w}", 0.5 if w else 0.1, 0.7, seed, revealed + 0.01 * w * (seed - 1))
        for w, revealed in ((0, 0.4), (5, 0.9))
        for seed in range(3)
    )
    verdict = HowCurves()(table)
    # Shares 0 and 1 do not count: distances are 1 - .4 and 1 - .9.
    assert verdict.effect == pytest.approx(0.6 - 0.1)
    assert verdict.outcome == Outcome.HOLDS
    assert HowCurves()(rows("net", "M", [1.0])).outcome == Outcome.NOT_RUN


def population(alignment, accuracy, seeds=3):
    """Return networks of many kinds, whose seeds differ a little."""
    known = pd.DataFrame({"aligned": alignment, "right": accuracy})
    known["architecture"] = [f"kind {kind}" for kind in known.index]
    known = known.merge(pd.DataFrame({"seed": range(seeds)}), how="cross")
    off = 0.001 * (known["seed"] - (seeds - 1) / 2)
    measured = [
        known.assign(metric=metric, value=value + off, split=split)
        for metric, value, split in (
            ("Alignment", known["aligned"], ""),
            ("Accuracy", known["right"], "test_biased"),
            ("Accuracy", 0.5 * known["aligned"], "test"),
        )
    ]
    rows = pd.concat(measured, ignore_index=True).drop(columns=["aligned", "right"])
    return as_results(rows, dataset="d")


@pytest.mark.parametrize(("sign", "wanted"), [(-1, Outcome.HOLDS), (1, Outcome.FAILS)])
def test_accuracy_against_alignment_over_kinds_of_networks(sign, wanted):
    steps = np.arange(12)
    table = population(0.5 + sign * 0.03 * steps, 0.6 + 0.02 * steps)
    # Harmonized networks, and what `evaluate` measures, are in the same experiment.
    others = pd.concat([network("a_lambda_0", 0.1, 0.9), rows("a", "Accuracy", [1.0], "test")])
    verdict = Tradeoff()(pd.concat([table, others]))
    assert verdict.outcome == wanted
    assert verdict.effect == pytest.approx(sign)
    assert "over 12 kinds" in verdict.measured
    assert f"unbiased images {1:.2f}" in verdict.measured
    few = table[table["architecture"].isin(["kind 0", "kind 1"])]
    assert Tradeoff()(few).measured.startswith("2 kinds")
    assert Tradeoff()(others).outcome == Outcome.NOT_RUN


@pytest.mark.parametrize(("lipschitz", "wanted"), [(0.5, Outcome.HOLDS), (0.25, Outcome.FAILS)])
def test_lipschitz_networks_beside_all_others(lipschitz, wanted):
    table = pd.concat(
        network(f"{name}_lambda_0", value * (0.9 + 0.1 * seed), 0.7, seed)
        for name, value in (("otnn", lipschitz), ("a", 0.3), ("b", 0.1))
        for seed in range(3)
    )
    verdict = LipschitzAligned(["otnn"])(table)
    assert verdict.outcome == wanted
    assert verdict.effect == pytest.approx(lipschitz - 0.3)
    assert LipschitzAligned(["none"])(table).outcome == Outcome.NOT_RUN


@pytest.mark.parametrize(("aligned", "wanted"), [(0.95, Outcome.HOLDS), (0.45, Outcome.FAILS)])
def test_harmonized_networks_outside_the_hull_of_a_population(aligned, wanted):
    generator = np.random.default_rng(0)
    cloud = population(0.3 + 0.3 * generator.random(12), 0.5 + 0.4 * generator.random(12))
    own = [
        network(f"net_lambda_{w}", (0.45 if w == 0 else aligned) + 0.01 * seed, 0.7, seed)
        for w in (0, 5)
        for seed in range(3)
    ]
    biased = [
        rows(f"net_lambda_{w}", "Accuracy", [0.7], "test_biased", seed=seed)
        for w in (0, 5)
        for seed in range(3)
    ]
    verdict = OutsideMeasuredHull()(pd.concat([cloud, *own, *biased]))
    assert verdict.outcome == wanted
    assert "of 13 other kinds" in verdict.measured
    few = cloud[cloud["architecture"].isin(["kind 0", "kind 1"])]
    assert OutsideMeasuredHull()(pd.concat([few, *own, *biased])).outcome == Outcome.NOT_RUN
    assert OutsideMeasuredHull()(cloud).outcome == Outcome.NOT_RUN


def square(inside):
    """Published points: a square of plain models, two a corner, and one harmonized model."""
    corners = [("a", 0, 0), ("b", 10, 0), ("c", 10, 10), ("d", 0, 10)]
    points = corners + [(f"another {name}", x, y) for name, x, y in corners]
    names = [(*point, "group: CNN") for point in points] + [("h", *inside, "harmonized")]
    return pd.DataFrame(
        {"item": "ClickMe figure", "model": m, "condition": c, "metric": metric, "value": value}
        for m, x, y, c in names
        for metric, value in (("Accuracy", x), ("Alignment", y))
    )


@pytest.mark.parametrize(
    ("point", "wanted", "distance"),
    [((5, 14), "holds", 4), ((5, 9), "fails", -1), ((5, 10.1), "inconclusive", 0.1)],
)
def test_points_outside_a_hull(point, wanted, distance):
    verdict = OutsideHull()(square(point))
    assert verdict.outcome == wanted
    assert verdict.effect == pytest.approx(distance)
    assert "at most 0.0 points outside the hull of the rest" in verdict.control


def test_a_point_outside_says_little_where_others_are_as_far_from_the_rest():
    table = square((5, 14))
    lonely = table[~table["model"].str.startswith("another")]  # each corner is 7.1 from the rest
    assert OutsideHull()(lonely).outcome == Outcome.INVALID
