"""Controls of the claims on EVA: what is wrong on purpose is caught."""

import numpy as np
import pandas as pd
import pytest

from sparks.stats import Bootstrap
from sparks_thesis.eva.claims import OptimalSubset
from sparks_thesis.eva.controls import Arbitrary, KnownCounts, KnownOrder, OwnMap, TooTight

from .test_claims import balls, rows

B = Bootstrap(resamples=50)


def test_attacks_catch_the_bound_of_a_smaller_ball():
    small = balls([-1.0, -1.0], [-0.6, -0.6], [-0.5, -0.5], epsilon=0.1)
    strong = balls([-0.9, -0.9], [-0.2, -0.3], [0.1, 0.1], epsilon=0.2)
    passed, text = TooTight()(pd.concat([small, strong]))
    assert passed
    assert "caught in 2 of 2 balls" in text
    weak = balls([-0.9, -0.9], [-0.55, -0.6], [0.1, 0.1], epsilon=0.2)
    assert not TooTight()(pd.concat([small, weak]))[0]
    assert not TooTight()(small)[0]


def bounds(**tightness):
    names = {"IBP_Forward_Backward": "IBP+Forward+Backward"}
    return pd.concat(
        rows("Tightness", values, bound=names.get(name, name)) for name, values in tightness.items()
    )


def test_the_intersection_of_all_bounds_is_tightest_on_every_image():
    single = {"IBP": [4.0, 4.0], "Forward": [3.0, 1.0], "Backward": [2.0, 2.0]}
    assert KnownOrder()(bounds(**single, IBP_Forward_Backward=[2.0, 1.0]))[0]
    found, text = KnownOrder()(bounds(**single, IBP_Forward_Backward=[2.0, 1.5]))
    assert not found
    assert "1 of 2 images" in text
    assert not KnownOrder()(bounds(**single))[0]


@pytest.mark.parametrize(
    ("steps", "samples", "passed"),
    [(400.0, 400.0, True), (400.0, 300.0, False), (350.0, 350.0, False), (100.0, 100.0, False)],
)
def test_k_passes_are_counted_as_k_times_one(steps, samples, passed):
    counts = {"Saliency": 100.0, "GradientInput": 100.0}
    counts |= {"IntegratedGradients": steps, "SmoothGrad": samples}
    table = pd.concat(rows("Flops", [count], method) for method, count in counts.items())
    control = KnownCounts(["Saliency", "GradientInput"], ["IntegratedGradients", "SmoothGrad"])
    assert control(table)[0] is passed
    assert not control(table[table["method"] != "Saliency"])[0]


@pytest.mark.parametrize(("arbitrary", "passed"), [(0.5, True), (1.0, False)])
def test_an_arbitrary_subset_must_not_be_the_best(arbitrary, passed):
    table = pd.concat(
        rows(metric, np.full(3, value), subset=1, architecture=kind, unit="repeat")
        for kind in ("linear", "one hidden layer")
        for metric, value in (("BestOverlap", 1.0), ("ArbitraryOverlap", arbitrary))
    )
    assert Arbitrary(OptimalSubset())(table)[0] is passed
    assert not Arbitrary(OptimalSubset())(table[table["metric"] == "BestOverlap"])[0]


@pytest.mark.parametrize(("other", "passed"), [(0.2, True), (1.0, False)])
def test_the_map_of_another_image_leads_there_less(other, passed):
    noise = 0.05 * np.random.default_rng(0).normal(size=(4, 30))
    names = {"GainAdd": 1.0, "GainAddOther": other, "GainRemove": 1.0, "GainRemoveOther": other}
    table = pd.concat(
        rows(name, value + off) for (name, value), off in zip(names.items(), noise, strict=True)
    )
    assert OwnMap(B)(table)[0] is passed
    assert not OwnMap(B)(rows("GainAdd", noise[0]))[0]
