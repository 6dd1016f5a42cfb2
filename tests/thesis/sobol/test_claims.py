"""Claims on made-up scores whose verdict is known."""

from zlib import crc32

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks.stats import Interval
from sparks_thesis.common.verdict import Outcome, above, every
from sparks_thesis.sobol.claims import AtLeastBlackBox, BeatsRise, TotalAtLeastFirst

MARGINS = {"Deletion": 0.02, "Insertion": 0.02, "MuFidelity": 0.05}


def rows(method, metric, centre, noise=0.01, images=200, seed=0, **columns):
    generator = np.random.default_rng(crc32(f"{method} {metric} {columns}".encode()))
    table = pd.DataFrame(
        {
            "experiment": "sobol",
            "dataset": "d",
            "model": "m",
            "method": method,
            "metric": metric,
            "seed": seed,
            "image": range(images),
            "value": centre + noise * generator.normal(size=images),
        }
    )
    return as_results(table, **columns)


def scores(deletion, insertion, mufidelity, forwards):
    tables = []
    for method in deletion:
        tables += [
            rows(method, "Deletion", deletion[method]),
            rows(method, "Insertion", insertion[method]),
            rows(method, "MuFidelity", mufidelity[method]),
            rows(method, "Forwards", forwards.get(method, 1), noise=0, images=1),
        ]
    return pd.concat(tables, ignore_index=True)


BUDGET = {"Sobol": 2112, "RISE": 4000}


@pytest.mark.parametrize(
    ("sobol", "outcome"),
    [
        ((0.2, 0.6, 0.5), Outcome.HOLDS),
        ((0.21, 0.59, 0.47), Outcome.HOLDS),  # worse, but within the margins
        ((0.3, 0.6, 0.5), Outcome.FAILS),  # Deletion: lower is better
        ((0.2, 0.5, 0.5), Outcome.FAILS),
        ((0.2, 0.6, 0.1), Outcome.FAILS),
    ],
)
def test_beats_rise(sobol, outcome):
    table = scores(
        {"Sobol": sobol[0], "RISE": 0.2},
        {"Sobol": sobol[1], "RISE": 0.6},
        {"Sobol": sobol[2], "RISE": 0.5},
        BUDGET,
    )
    verdict = BeatsRise(MARGINS)(table)
    assert verdict.outcome == outcome
    assert "2112 against 4000" in verdict.measured
    assert verdict.low <= verdict.effect <= verdict.high


def test_beats_rise_is_inconclusive_when_the_interval_crosses_the_margin():
    table = pd.concat(
        [
            rows("Sobol", "Deletion", 0.22, noise=0.5, images=20),
            rows("RISE", "Deletion", 0.2, noise=0.5, images=20),
            rows("Sobol", "Forwards", 2112, 0, 1),
            rows("RISE", "Forwards", 4000, 0, 1),
        ]
    )
    assert BeatsRise(MARGINS)(table).outcome == Outcome.INCONCLUSIVE


def test_beats_rise_needs_half_the_budget():
    same = {"Sobol": 0.2, "RISE": 0.2}
    table = scores(same, same, same, {"Sobol": 4000, "RISE": 4000})
    assert BeatsRise(MARGINS)(table).outcome == Outcome.NOT_RUN
    assert BeatsRise(MARGINS)(table[table["method"] == "RISE"]).outcome == Outcome.NOT_RUN


def test_at_least_black_box_compares_with_the_best_rival_of_each_metric():
    claim = AtLeastBlackBox(MARGINS, ["RISE", "Occlusion", "LIME"], ["Saliency"])
    deletion = {"Sobol": 0.2, "RISE": 0.3, "Occlusion": 0.2, "Saliency": 0.5}
    insertion = {"Sobol": 0.6, "RISE": 0.6, "Occlusion": 0.4, "Saliency": 0.3}
    mufidelity = {"Sobol": 0.5, "RISE": 0.2, "Occlusion": 0.2, "Saliency": 0.1}
    verdict = claim(scores(deletion, insertion, mufidelity, BUDGET))
    assert verdict.outcome == Outcome.HOLDS
    worse = claim(scores(deletion | {"Occlusion": 0.1}, insertion, mufidelity, BUDGET))
    assert worse.outcome == Outcome.FAILS
    assert "Occlusion" in worse.measured
    beaten_by_all_white = claim(scores(deletion | {"Saliency": 0.1}, insertion, mufidelity, BUDGET))
    assert beaten_by_all_white.outcome == Outcome.FAILS


def test_scores_at_other_budgets_do_not_count():
    same = {"Sobol": 0.2, "RISE": 0.2, "Saliency": 0.9}
    table = scores(same, {**same, "Saliency": 0.1}, {**same, "Saliency": 0.1}, BUDGET)
    bad = [rows("Sobol", metric, -9.0, forwards=66) for metric in MARGINS]
    more = pd.concat([table, *bad], ignore_index=True)
    for claim in (BeatsRise(MARGINS), AtLeastBlackBox(MARGINS, ["RISE"], ["Saliency"])):
        assert claim(more) == claim(table)
        assert claim(table).outcome == Outcome.HOLDS


def test_total_at_least_first():
    def table(gap):
        return pd.concat(
            [rows("Sobol", "FirstOrder", 0.1, cell=c) for c in range(4)]
            + [rows("Sobol", "TotalOrder", 0.1 + gap, cell=c) for c in range(4)]
        )

    assert TotalAtLeastFirst()(table(0.1)).outcome == Outcome.HOLDS
    assert TotalAtLeastFirst()(table(-0.1)).outcome == Outcome.FAILS
    assert TotalAtLeastFirst()(table(0.1)).effect == pytest.approx(0.1, abs=0.01)
    assert TotalAtLeastFirst()(rows("Sobol", "Deletion", 1)).outcome == Outcome.NOT_RUN


def test_verdict_follows_the_interval():
    assert above(Interval(1, 0.5, 1.5, 9), 0).outcome is Outcome.HOLDS
    assert above(Interval(-1, -1.5, -0.5, 9), 0).outcome is Outcome.FAILS
    assert above(Interval(0, -1, 1, 9), 0).outcome is Outcome.INCONCLUSIVE
    assert above(Interval(1, float("nan"), float("nan"), 1), 0).outcome is Outcome.INCONCLUSIVE
    assert every([]) is Outcome.NOT_RUN


def test_a_data_set_of_few_images_is_not_judged_beside_one_of_many():
    good, bad = {"Sobol": 0.2, "RISE": 0.2, "Saliency": 0.9}, {"Sobol": 0.9, "RISE": 0.2}
    low = {**good, "Saliency": 0.1}
    many = scores(good, low, low, BUDGET)
    few = scores(bad | {"Saliency": 0.9}, good, good, {"Sobol": 9000, "RISE": 10})
    few = few[few["image"] < 7].assign(dataset="few")
    both = pd.concat([many, few], ignore_index=True)
    for claim in (BeatsRise, AtLeastBlackBox):
        names = (["RISE"], ["Saliency"]) if claim is AtLeastBlackBox else ()
        judge = claim(MARGINS, *names, images=50)
        assert judge(both) == judge(many)
        assert judge(many).outcome == Outcome.HOLDS
        assert judge(few).outcome != Outcome.HOLDS  # there is nothing else to judge
        assert claim(MARGINS, *names)(both).outcome != Outcome.HOLDS
