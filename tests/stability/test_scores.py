"""MeGe and ReCo against hand-made distances, a slow direct version, and what must hold."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparks.stability.scores import (
    METRICS,
    Estimate,
    Pairs,
    StabilityWarning,
    by_chance,
    estimate,
    mege,
    reco,
    reco_auc,
)
from sparks.stats import Bootstrap

ONE = np.ones((1, 1))
FEW = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.9, 1.0]), min_size=1, max_size=8)


def slow_youden(equal: list[float], unequal: list[float], printed: bool) -> list[float]:
    """TPR + TNR - 1 at every distance, by counting, as equations and tables say."""
    found = []
    both = [*equal, *unequal]
    for gamma in both:
        if printed:
            below, above = [d for d in both if d <= gamma], [d for d in both if d > gamma]
            if not above:
                continue
            tpr = sum(d <= gamma for d in equal) / len(below)
            tnr = sum(d > gamma for d in unequal) / len(above)
        else:
            tpr = sum(d <= gamma for d in equal) / len(equal)
            tnr = sum(d > gamma for d in unequal) / len(unequal)
        found.append(tpr + tnr - 1)
    return found


def test_mege_by_hand():
    equal = [0.0, 0.2, 0.4]
    assert mege(equal) == pytest.approx(0.8)
    assert mege(equal, printed=True) == pytest.approx(1 / 1.2)


def test_reco_by_hand():
    # Thresholds .1 .2 .3 .4: of S₌ {.1 .3} pass ½ ½ 1 1, of S≠ {.2 .4} stay 1 ½ ½ 0.
    equal, unequal = [0.1, 0.3], [0.2, 0.4]
    assert reco(equal, unequal) == pytest.approx(0.5)
    assert reco_auc(equal, unequal) == pytest.approx((0.5 + 0 + 0.5 + 0) / 4)
    # As printed at .1: 1 of 1 below, 2 of 3 above; at .3: 2 of 3 below, 1 of 1 above.
    assert reco(equal, unequal, printed=True) == pytest.approx(2 / 3)


@given(equal=FEW, unequal=FEW)
def test_reco_is_that_of_trying_every_threshold(equal: list[float], unequal: list[float]):
    computed = slow_youden(equal, unequal, printed=False)
    assert reco(equal, unequal) == pytest.approx(max(computed), abs=1e-12)
    assert reco_auc(equal, unequal) == pytest.approx(np.mean(computed), abs=1e-12)
    printed = slow_youden(equal, unequal, printed=True)
    found = reco(equal, unequal, printed=True)
    assert math.isnan(found) if not printed else found == pytest.approx(max(printed), abs=1e-12)


@given(equal=FEW, unequal=FEW, seed=st.integers(0, 1000))
def test_a_resample_scores_like_its_distances_written_out(
    equal: list[float], unequal: list[float], seed: int
):
    """Weights are repetitions: every metric of every row, against repeated distances."""
    distance = np.array([*equal, *unequal])
    is_equal = np.arange(len(distance)) < len(equal)
    generator = np.random.default_rng(seed)
    unit = generator.integers(3, size=len(distance))
    weights = np.vstack([np.ones(3), generator.integers(0, 3, size=(4, 3))])
    pairs = Pairs(distance, is_equal, unit)
    found = {metric: pairs.score(metric, weights.astype(float)) for metric in METRICS}
    for row, weight in enumerate(weights):
        copies = weight[unit].astype(int)
        again = [np.repeat(distance[m], copies[m]) for m in (is_equal, ~is_equal)]
        if min(map(len, again)) == 0:
            assert math.isnan(found["ReCo"][row])
            continue
        assert found["MeGe"][row] == pytest.approx(mege(again[0]))
        assert found["MeGe (printed)"][row] == pytest.approx(mege(again[0], printed=True))
        assert found["ReCo"][row] == pytest.approx(reco(*again), abs=1e-12)
        assert found["ReCo-AUC"][row] == pytest.approx(reco_auc(*again), abs=1e-12)
        printed = reco(*again, printed=True)
        assert found["ReCo (printed)"][row] == pytest.approx(printed, abs=1e-12, nan_ok=True)


def test_sets_that_no_threshold_parts_have_reco_0_exactly():
    generator = np.random.default_rng(0)
    equal, unequal = 1 + generator.random(70), generator.random(13)  # all the wrong way round
    assert reco(equal, unequal) == 0


def test_separable_sets_have_reco_1_and_identical_ones_0():
    close, far = [0.1, 0.2, 0.2, 0.3], [0.4, 0.4, 0.9]
    for printed in (False, True):
        assert reco(close, far, printed=printed) == pytest.approx(1)
        assert reco(close, close, printed=printed) == pytest.approx(0, abs=1e-12)
    assert reco_auc(close, close) == pytest.approx(0, abs=1e-12)
    # Maps that are closer where the networks disagree: no threshold helps.
    assert reco(far, close) == pytest.approx(0, abs=1e-12)


def test_reco_of_the_same_distribution_is_near_0():
    generator = np.random.default_rng(0)
    assert reco(generator.random(4000), generator.random(4000)) < 0.05


def test_reco_of_many_distances_is_near_its_limit():

    generator = np.random.default_rng(0)
    equal, unequal = generator.normal(0, 1, 50_000), generator.normal(1, 1, 50_000)
    # The best threshold of two normals one apart parts them at their middle: 2 Φ(½) - 1.
    assert reco(equal, unequal) == pytest.approx(0.3829, abs=0.012)


@pytest.mark.parametrize(("equal", "unequal"), [([], [0.1]), ([0.1], []), ([], [])])
def test_what_does_not_exist_is_nan_and_said(equal: list[float], unequal: list[float]):
    with pytest.warns(StabilityWarning, match="does not exist"):
        assert math.isnan(reco(equal, unequal))
    with pytest.warns(StabilityWarning, match="does not exist"):
        assert math.isnan(reco_auc(equal, unequal))
    if not equal:
        with pytest.warns(StabilityWarning, match="does not exist"):
            assert math.isnan(mege(equal))


def test_nan_distances_are_left_out_and_said():
    with pytest.warns(StabilityWarning, match="1 of 3 distances are NaN"):
        assert mege([0.2, math.nan, 0.4]) == pytest.approx(0.7)
    with pytest.warns(StabilityWarning, match="1 of 4"):
        assert reco([0.1, math.nan], [0.5, 0.6]) == pytest.approx(1)


def test_images_are_drawn_within_their_fold():
    strata = np.array([0, 0, 0, 1, 1, 2])
    weights = Bootstrap(resamples=200, seed=1).counts(strata)
    assert (weights[0] == 1).all()
    for fold, size in ((0, 3), (1, 2), (2, 1)):
        assert (weights[:, strata == fold].sum(1) == size).all()
    assert weights[1:].mean(0) == pytest.approx(1, abs=0.25)


def test_the_interval_covers_as_often_as_it_says():
    """Images differ, pairs of one image do not: only resampling of images sees that."""
    generator = np.random.default_rng(3)
    unit = np.repeat(np.arange(60), 4)
    covered = 0
    for seed in range(150):
        of_image = generator.uniform(0, 1, 60)
        pairs = Pairs(of_image[unit], np.ones(240, dtype=bool), unit)
        weights = Bootstrap(resamples=200, seed=seed).counts(np.arange(60) % 3)
        interval = estimate(pairs, "MeGe", weights, 0.95).interval()
        covered += interval.low <= 0.5 <= interval.high
    assert covered >= 130  # 142.5 expected, 4.7 standard deviations below


def test_differences_are_paired():
    draws = np.linspace(0, 1, 101)
    first, second = (Estimate(v, 2 * v * draws + v, 10, 0.9) for v in (0.5, 0.25))
    gap = (first - second).interval()
    assert (gap.mean, gap.low, gap.high) == pytest.approx((0.25, 0.275, 0.725))


def test_a_score_that_mostly_does_not_exist_has_no_interval():
    draws = np.where(np.arange(100) < 60, np.nan, 0.5)
    interval = Estimate(0.5, draws, 10, 0.95).interval()
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_no_order_of_the_pairs_matters():
    distances = [(0.1, True), (0.4, False), (0.4, True), (0.2, False)]
    found = {
        Pairs(
            np.array([d for d, _ in order]),
            np.array([e for _, e in order]),
            np.zeros(4, dtype=np.int64),
        ).score("ReCo", np.ones((1, 1)))[0]
        for order in itertools.permutations(distances)
    }
    assert len(found) == 1


@pytest.mark.parametrize("wrong", [5, 20, 100])
def test_reco_by_chance_is_what_independent_distances_give(wrong):
    """The mean of ReCo over fresh samples in which being right has no part in the distances."""
    generator = np.random.default_rng(wrong)
    equal = np.arange(300) >= wrong
    fresh = [
        Pairs(generator.random(300), equal, np.zeros(300, dtype=np.int64)).score("ReCo", ONE)[0]
        for _ in range(400)
    ]
    pairs = Pairs(generator.random(300), equal, np.arange(300))
    found = by_chance(pairs, "ReCo", draws=400)
    assert found.mean() == pytest.approx(np.mean(fresh), abs=4 * np.std(fresh) / 20)
    assert found.mean() > 0.03


def test_pairs_of_an_image_stay_together():
    """Of two images, one all right and one all wrong, the permutations are these and the mirror."""
    unit = np.repeat([0, 1], 4)
    pairs = Pairs(np.array([0.1] * 4 + [0.9] * 4), unit == 0, unit)
    assert set(by_chance(pairs, "ReCo", draws=50).tolist()) == {1.0, 0.0}


def test_without_pairs_there_is_no_score_by_chance():
    assert np.isnan(by_chance(Pairs.none(), "ReCo", draws=3)).all()
