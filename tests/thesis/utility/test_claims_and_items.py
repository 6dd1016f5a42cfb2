"""Claims, table and figures of Utility on rows whose truth is made up, and the published ones."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f_oneway

from sparks.errors import SparksError
from sparks.stats import Bootstrap
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.overview.table_published import Published
from sparks_thesis.utility import claims
from sparks_thesis.utility.figures import Proxies, UtilityK
from sparks_thesis.utility.published import FROM_F, PRINTED
from sparks_thesis.utility.scored import SIX, Scored
from sparks_thesis.utility.tables import Utility

from .rows import PUBLISHED, SCENARIOS, experiment, printed

DRAW = Bootstrap(resamples=200)
FLAT = {"husky": {}, "leaves": {}, "foxes": {}}
HELPED = dict(zip(SIX, np.linspace(0.7, 0.9, 6), strict=True))


def rising(sign=1, noise=0.0):
    """Method → proxy that follows the accuracies of HELPED."""
    return {m: sign * a + noise * (i % 2) for i, (m, a) in enumerate(HELPED.items())}


# --- the paper's numbers --------------------------------------------------------------------------


def test_tukey_from_f_and_the_means_agrees_with_what_is_printed():
    rows = printed()
    p = rows[rows["metric"] == "Tukey HSD p"].pivot_table(
        index=["dataset", "method"], columns="source", values="value"
    )
    both = p.dropna()
    assert len(both) == 6
    assert (both[FROM_F] < 0.05).all()  # as printed
    assert (both[FROM_F] - both[PRINTED]).abs().max() < 0.02
    # Nobody else is significant, as in the paper.
    assert (p[p[PRINTED].isna()][FROM_F] > 0.05).all()


def test_p_of_f_lies_where_the_paper_says():
    rows = printed()
    p = rows[(rows["metric"] == "ANOVA p") & (rows["source"] == FROM_F)]
    found = p.set_index("dataset")["value"]
    assert found["Husky vs Wolf"] < 0.001
    assert found["Leaves"] < 0.001
    assert found["ImageNet Kit fox vs Red fox"] > 0.05


def test_correlations_of_the_points_are_those_printed():
    rows = printed()
    rows = rows[rows["metric"] == "Correlation"]
    wide = rows.pivot(index=["dataset", "method"], columns="source", values="value").dropna()
    assert len(wide) == 7
    assert (wide["digitised points"] - wide[PRINTED]).abs().max() < 0.04


# --- claims ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("husky", "outcome"),
    [
        (HELPED, Outcome.HOLDS),
        (HELPED | {"GradCAM": 0.5}, Outcome.FAILS),
        (HELPED | {"GradCAM": 0.6}, Outcome.INCONCLUSIVE),
    ],
)
def test_helps(husky, outcome):
    table = experiment({"husky": husky, "leaves": HELPED, "foxes": {}})
    verdict = claims.Helps(SCENARIOS, DRAW)(table)
    assert verdict.outcome == outcome
    assert verdict.effect == pytest.approx(min(husky.values()) / 0.6, abs=0.03)
    assert "no person" in verdict.measured


@pytest.mark.parametrize(
    ("foxes", "outcome"),
    [
        (dict.fromkeys((*SIX, "Control"), 0.59), Outcome.HOLDS),
        ({"Saliency": 0.7}, Outcome.FAILS),
    ],
)
def test_none_helps(foxes, outcome):
    table = experiment({"husky": {}, "leaves": {}, "foxes": foxes}, noise=0.1)
    assert claims.NoneHelps(SCENARIOS, DRAW)(table).outcome == outcome


@pytest.mark.parametrize(
    ("control", "outcome"),
    [(0.5, Outcome.HOLDS), (0.7, Outcome.FAILS), (0.6, Outcome.INCONCLUSIVE)],
)
def test_control(control, outcome):
    table = experiment({d: {"Control": control} for d in FLAT})
    assert claims.ControlNoGain(SCENARIOS, DRAW)(table).outcome == outcome


@pytest.mark.parametrize(
    ("sign", "faithful", "simple", "alike"),
    [
        (1, Outcome.FAILS, Outcome.FAILS, Outcome.FAILS),
        (-1, Outcome.HOLDS, Outcome.FAILS, Outcome.HOLDS),
    ],
)
def test_correlations_everywhere(sign, faithful, simple, alike):
    proxies = {data: rising(sign, 0.01) for data in FLAT}
    table = experiment(dict.fromkeys(FLAT, HELPED), proxies)
    assert claims.FaithfulnessNotPredictive(SCENARIOS, DRAW)(table).outcome == faithful
    # Negative everywhere is not "in the bias scenario only".
    assert claims.ComplexityBiasOnly(SCENARIOS, DRAW)(table).outcome == simple
    assert claims.Similarity(SCENARIOS, DRAW)(table).outcome == alike


def test_complexity_in_the_bias_scenario_only():
    proxies = {"husky": rising(-1, 1e-3), "leaves": rising(1, 1e-3), "foxes": rising(1, 1e-3)}
    table = experiment(dict.fromkeys(FLAT, HELPED), proxies)
    verdict = claims.ComplexityBiasOnly(SCENARIOS, DRAW)(table)
    assert verdict.outcome == Outcome.HOLDS
    assert verdict.effect == pytest.approx(-1, abs=0.02)


@pytest.mark.parametrize(
    ("accuracies", "outcome", "effect"),
    [
        ((0.9, 0.7, 0.6), Outcome.HOLDS, 0.7 / 0.6),
        ((0.9, 0.7, 0.8), Outcome.FAILS, 0.8 / 0.6),  # in all three
        ((0.9, 0.6, 0.3), Outcome.FAILS, 1.0),  # significantly worse is no help
    ],
)
def test_concepts_help_in_two_of_three(accuracies, outcome, effect):
    shown = dict(zip(FLAT, ({"Concepts": a} for a in accuracies), strict=True))
    verdict = claims.ConceptsHelp(SCENARIOS, DRAW)(experiment(shown))
    assert verdict.outcome == outcome
    assert verdict.effect == pytest.approx(effect, abs=0.03)


def test_concepts_not_shown_and_in_no_test_of_the_paper():
    without = experiment(dict.fromkeys(FLAT, HELPED), noise=0.1)
    beside = experiment(dict.fromkeys(FLAT, HELPED | {"Concepts": 0.9}), noise=0.1)
    assert claims.ConceptsHelp(SCENARIOS, DRAW)(without).outcome == Outcome.NOT_RUN
    paper, ours = (Scored(table, DRAW, SCENARIOS) for table in (without, beside))
    assert ours.anova("net on husky") == paper.anova("net on husky")
    p = paper.tukey("net on husky")
    assert ours.tukey("net on husky")[p.index].to_dict() == p.to_dict()
    assert ours.tukey("net on husky")["Concepts"] < 1e-6


def test_mean_ratio():
    verdict = claims.MeanRatio()(printed())
    assert verdict.outcome == Outcome.HOLDS
    assert "21 of 21" in verdict.measured
    spoiled = printed()
    first = spoiled.index[spoiled["source"] == "mean ratio"][0]
    spoiled.loc[first, "value"] += 0.1
    assert claims.MeanRatio()(spoiled).outcome == Outcome.FAILS


@pytest.mark.parametrize(
    "claim",
    [
        claims.Helps, claims.NoneHelps, claims.ControlNoGain, claims.FaithfulnessNotPredictive,
        claims.ComplexityBiasOnly, claims.Similarity, claims.ConceptsHelp,
    ],
)  # fmt: skip
def test_claims_that_were_not_run(claim):
    other = experiment({"elsewhere": {}}, participants=3)
    for table in (other, printed(), other.iloc[:0]):
        assert claim(SCENARIOS, DRAW)(table).outcome == Outcome.NOT_RUN
    assert claims.MeanRatio()(other.iloc[:0]).outcome == Outcome.NOT_RUN


# --- items ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    return experiment({"husky": HELPED, "leaves": {}, "foxes": {}}, participants=10)


def test_where_all_answers_are_alike_the_table_says_that_nothing_was_tested():
    shown = Utility(SCENARIOS, bootstrap=DRAW)(experiment(FLAT, noise=0)).shown
    assert not shown.map(lambda text: "nan" in text).any(axis=None)
    assert shown.iloc[-1][["condition", "Utility"]].tolist() == ["F(7, 472) n/a", "n/a"]


def test_the_table_has_every_condition_of_every_scenario(table):
    made = Utility(SCENARIOS, bootstrap=DRAW)(table)
    numbers = made.numbers
    assert len(numbers) == 2 * 3 * 9  # eight conditions and the test, people and simulated
    husky = numbers[(numbers["scenario"] == "net on husky")].set_index("condition")
    expected = HELPED["GradCAM"] / 0.6
    assert husky.loc["GradCAM", "utility"] == pytest.approx(expected, abs=0.03)
    assert husky.loc["GradCAM", "low"] < expected < husky.loc["GradCAM", "high"]
    assert husky.loc["GradCAM", "participants"] == 20
    assert husky.loc["GradCAM", "Words"] == pytest.approx(expected, abs=0.05)
    people = numbers[numbers["scenario"] == "Husky vs Wolf"].set_index("condition")
    assert people.loc["GradCAM", "printed"] == 1.34
    assert "no person took part" in made.caption
    assert made.shown.notna().all(axis=None)
    assert "F = 9.19" in made.shown["condition"].tolist()


def test_figures_show_all_scenarios(table):
    curves = UtilityK(SCENARIOS, bootstrap=DRAW)(table)
    titles = [axis.get_title() for axis in curves.figure.axes]
    assert titles[3:] == ["husky", "leaves", "foxes"]
    points = Proxies(SCENARIOS, bootstrap=DRAW)(table)
    marks = [len(axis.collections) for axis in points.figure.axes]
    assert marks == [18, 17, 18, 18, 18, 18]  # one point of the paper is hidden
    assert "no person" in curves.caption
    assert "no person" in points.caption


def test_nothing_simulated_is_reported():
    with pytest.raises(SparksError, match="no meta-predictor"):
        Utility(SCENARIOS)(printed())


def test_scenarios_are_in_the_order_of_the_paper():
    shuffled = experiment({"foxes": {}, "extra": {}, "husky": {}}, participants=2)
    scored = Scored(shuffled, DRAW, SCENARIOS)
    assert scored.names == ["net on husky", "net on foxes", "net on extra"]
    assert scored.named("rule") is None
    with pytest.raises(SparksError, match="no Utility"):
        scored.utility("net on husky", "LIME")
    assert isinstance(scored.points, pd.DataFrame)


# --- published numbers beside ours ----------------------------------------------------------------


def test_published_numbers_stand_beside_those_of_simulated_participants():
    scores = experiment({"husky": HELPED, "leaves": HELPED, "foxes": {}}, {"husky": rising()})
    tables = ("table1", "stats", "correlations")
    theirs = pd.concat(pd.read_csv(PUBLISHED / f"colin2022utility_{n}.csv") for n in tables)
    husky = {"paper": "colin2022utility", "dataset": "Husky vs Wolf"}
    here = {"dataset": "husky", "model": "net"}
    freedom = {**husky, "condition": "df 7,234"}
    together = {"dataset": "all three", "model": ""}
    numbers = Published(
        [
            {"experiment": "utility", "theirs": husky, "ours": here},
            {"experiment": "utility", "theirs": freedom, "ours": {**here, "condition": None}},
            {"experiment": "utility", "theirs": {"dataset": "all three"}, "ours": together},
        ],
        DRAW,
    )(scores, theirs).numbers
    found = numbers[numbers["metric"] == "Utility"].set_index("method")
    rows = scores[(scores["dataset"] == "husky") & (scores["metric"] == "MetaPredictorAccuracy")]
    means = rows.groupby("method")["value"].mean()
    assert set(found.index) == {"Control", *SIX}
    for method, ours in found["ours"].items():
        assert ours == pytest.approx(means[method] / means["Baseline"])
    assert found.loc["GradCAM", "published"] == 1.34
    sessions = numbers[numbers["metric"] == "MetaPredictorAccuracy"]
    assert len(sessions) == 3 * 8  # of every condition, the baseline too, in %
    percent = sessions.groupby("method")["ours"].mean()
    assert percent.to_dict() == pytest.approx((100 * means).to_dict())
    value = numbers.groupby("metric")["ours"].first()
    people = [
        group.groupby("participant")["value"].mean()
        for _, group in rows.groupby("method", sort=False)
    ]
    test = f_oneway(*people)
    assert value["ANOVA F"] == pytest.approx(test.statistic)
    assert value["EtaSquared"] == pytest.approx(1 / (1 + 472 / (7 * test.statistic)))
    assert set(numbers[numbers["metric"] == "Tukey HSD p"]["method"]) == {
        "GradCAM", "Occlusion", "SmoothGrad",
    }  # fmt: skip
    r = numbers[numbers["metric"] == "Correlation"].set_index("condition")["ours"]
    assert r["Faithfulness vs Utility, n=6"] == pytest.approx(1)
    proxies = scores[scores["metric"] == "PerceptualSimilarity"]
    proxies = proxies[proxies["source"] == ""].groupby(["dataset", "method"])["value"].mean()
    accuracy = scores[scores["metric"] == "MetaPredictorAccuracy"]
    accuracy = accuracy.groupby(["dataset", "method"])["value"].mean()
    utility = [accuracy[d, m] / accuracy[d, "Baseline"] for d, m in proxies.index]
    expected = np.corrcoef(proxies, utility)[0, 1]
    assert r["PerceptualSimilarity vs Utility, n=18"] == pytest.approx(expected)
