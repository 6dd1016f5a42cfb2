"""Verdicts: how often they are wrong where the truth is known, and what they may be called."""

import numpy as np
import pandas as pd
import pytest

from sparks.stats import Bootstrap, Interval
from sparks_thesis.common.controls import AtBottom
from sparks_thesis.common.ranking import against_place
from sparks_thesis.common.verdict import (
    Outcome,
    Scope,
    above,
    called,
    every,
    judged,
    never,
    not_worse,
    some,
    tally,
)

RUNS = 2000
NAN = float("nan")


def intervals(effects, images=50, seed=0):
    """Return the intervals of means of `images` normal values (sd 1), for each run and effect."""
    generator = np.random.default_rng(seed)
    centre = generator.normal(effects, 1 / images**0.5, size=(RUNS, len(effects)))
    half = 1.96 / images**0.5
    return [[Interval(m, m - half, m + half, images) for m in run] for run in centre.tolist()]


def rate(outcome, runs, threshold=0.0, rule=every):
    found = [rule([above(interval, threshold) for interval in run]) for run in runs]
    return found.count(outcome) / len(found)


@pytest.mark.parametrize("k", [1, 5, 56])
def test_a_claim_at_its_criterion_is_rarely_said_to_fail_however_many_comparisons(k):
    """The familywise rate is 2.5 %, one side of a 95 % interval; without Holm it is 76 % at 56."""
    failing = rate(Outcome.FAILS, intervals([0.0] * k))
    assert failing == pytest.approx(0.025, abs=3 * (0.025 * 0.975 / RUNS) ** 0.5)


def test_one_comparison_that_misses_is_enough_to_keep_a_claim_from_holding():
    """The others are beyond doubt, and the one lies at the criterion: it holds in 2.5 %."""
    holding = rate(Outcome.HOLDS, intervals([5.0] * 9 + [0.0]))
    assert holding == pytest.approx(0.025, abs=0.011)
    assert rate(Outcome.FAILS, intervals([5.0] * 9 + [-1.0])) > 0.99


def test_some_holds_rarely_where_nothing_does():
    nothing = rate(Outcome.HOLDS, intervals([0.0] * 20), rule=some)
    assert nothing == pytest.approx(0.025, abs=0.011)
    assert rate(Outcome.HOLDS, intervals([0.0] * 19 + [1.0]), rule=some) > 0.99
    assert rate(Outcome.FAILS, intervals([-1.0] * 5), rule=some) > 0.99
    assert some([]) is Outcome.NOT_RUN


def test_the_detectable_effect_is_settled_with_the_power_that_it_states():
    least = intervals([0.0])[0][0].detectable()
    holding = rate(Outcome.HOLDS, intervals([least]))
    assert holding == pytest.approx(0.8, abs=0.03)


def test_the_units_needed_for_a_margin_settle_a_tie():
    one = intervals([0.0])[0][0]
    verdict = judged([not_worse(one, 0.2)], one, "")
    images = verdict.needed
    assert images == pytest.approx((1.96 + 0.84) ** 2 / 0.2**2, rel=0.02)  # sd 1
    assert rate(Outcome.HOLDS, intervals([0.0], images), -0.2) == pytest.approx(0.8, abs=0.03)
    assert judged([above(one, 0.0)], one, "").needed is None
    assert judged([above(one, 0.9)], one, "").needed is None  # a threshold is no margin


def test_what_has_no_interval_leaves_a_claim_open():
    one = Interval(1.0, NAN, NAN, 1)
    verdict = judged([above(one, 0.0)], one, "")
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert np.isnan(verdict.detectable)
    assert (verdict.holds, verdict.of) == (0, 1)


def test_only_the_papers_data_replicate():
    assert [called(Outcome.HOLDS, scope) for scope in Scope] == ["replicated"] * 2 + [
        *["transfers"] * 3,
        "holds",
    ]
    failed = [called(Outcome.FAILS, scope) for scope in Scope]
    assert failed == ["failed to replicate"] * 2 + ["does not transfer"] * 3 + ["does not hold"]
    assert called(Outcome.INVALID, Scope.PAPER) == "assay invalid"
    found = tally([(Scope.REAL, "transfers")] * 2 + [(Scope.PAPER, "replicated")])
    assert found == "Paper's data and kind of model: 1 replicated; other real data: 2 transfers"
    # What was not run rests on nothing.
    assert tally([(Scope.PAPER, "not run"), (Scope.REAL, "transfers")]) == (
        "Other real data: 1 transfers; 1 not run"
    )


def test_what_never_happened_may_happen_rarely():
    verdict = never([False] * 60, "")
    assert verdict.outcome is Outcome.HOLDS
    assert (verdict.low, verdict.images) == (0, 60)
    # A share of this size would have been seen in four of five runs.
    assert 1 - (1 - verdict.detectable) ** 60 == pytest.approx(0.8)
    assert never([False] * 59 + [True], "").outcome is Outcome.FAILS


def equal_methods(generator, images, rivals):
    """Return scores of a method and rivals that are all the same up to noise."""
    names = ["ours", *(f"rival {n}" for n in range(rivals))]
    return pd.DataFrame(generator.normal(size=(images, len(names))), columns=names)


def test_the_best_of_equal_rivals_has_no_luck_on_the_images_that_judge():
    """Chosen on the images that judge, the best of ten leads by 1.5 standard errors on average."""
    generator = np.random.default_rng(0)
    ahead, chosen = [], []
    for _ in range(400):
        scores = equal_methods(generator, 50, 10)
        rivals = [name for name in scores if name != "ours"]
        difference, holders = against_place(scores, "ours", rivals)
        assert set(holders) <= set(rivals)
        ahead.append(difference.mean())
        chosen.append((scores["ours"] - scores[scores[rivals].mean().idxmax()]).mean())
    error = (2 / 50 / 400) ** 0.5
    assert np.mean(ahead) == pytest.approx(0.0, abs=3 * error)
    assert np.mean(chosen) < -20 * error


def test_a_place_is_that_of_the_rival_who_holds_it():
    scores = pd.DataFrame({"ours": [5.0] * 4, "a": [9.0] * 4, "b": [4.0] * 4, "c": [1.0] * 4})
    assert against_place(scores, "ours", ["a", "b", "c"], 1)[0].tolist() == [-4.0] * 4
    assert against_place(scores, "ours", ["a", "b", "c"], 2)[0].tolist() == [1.0] * 4


def maps(means, images=60, metric="Insertion"):
    generator = np.random.default_rng(1)
    return pd.concat(
        pd.DataFrame(
            {
                "dataset": "d", "model": "m", "seed": 0, "image": range(images), "metric": metric,
                "method": method, "value": mean + 0.1 * generator.normal(size=images),
                "forwards": NAN, "attack_steps": NAN, "bound": "", "baseline": "",
            }
        )
        for method, mean in means.items()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("means", "passed", "said"),
    [
        ({"A": 0.5, "B": 0.4, "Random": 0.2}, True, "Random at the bottom in 1 of 1"),
        ({"A": 0.5, "B": 0.1, "Random": 0.2}, False, "B below Random in Insertion of m on d"),
        ({"A": 0.2, "B": 0.2, "Random": 0.2}, False, "no method above Random"),
        ({"A": 0.5, "B": 0.4}, False, "Random was not run"),
    ],
)
def test_random_maps_must_score_lowest(means, passed, said):
    control = AtBottom({"Insertion": 1}, ["A", "B", "C"], bootstrap=Bootstrap(resamples=200))
    found, text = control(maps(means))
    assert found is passed
    assert said in text


def test_lower_is_better_for_some_metrics():
    control = AtBottom({"Deletion": -1}, ["A"], bootstrap=Bootstrap(resamples=200))
    assert control(maps({"A": 0.1, "Random": 0.4}, metric="Deletion"))[0]
    assert not control(maps({"A": 0.4, "Random": 0.1}, metric="Deletion"))[0]
