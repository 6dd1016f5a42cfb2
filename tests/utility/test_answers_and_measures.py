"""Utility against the paper's own table, statistics against textbook formulas."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.stats import Bootstrap, correlation
from sparks.utility import (
    anova,
    session_accuracies,
    summary,
    trapezoid,
    tukey,
    utility,
    utility_k,
)
from sparks.utility.comparisons import eta2_of

PUBLISHED = Path(__file__).parents[2] / "config" / "published"


def answers(accuracies, participants=20, trials=7, seed=0):
    """Answers of participants right with the given probability, a row a condition."""
    rng = np.random.default_rng(seed)
    rows = []
    for condition, probability in accuracies.items():
        for person in range(participants):
            for session in (1, 2, 3):
                for trial in range(trials):
                    model = int(rng.integers(2))
                    answer = model if rng.random() < probability else 1 - model
                    rows.append(
                        {
                            "participant": f"{condition}-{person}",
                            "condition": condition,
                            "scenario": "wolf",
                            "session": session,
                            "trial": trial,
                            "answer": answer,
                            "model": model,
                            "correct": int(answer == model),
                        }
                    )
    return pd.DataFrame(rows)


def test_mean_ratio_gives_the_papers_table():
    table = pd.read_csv(PUBLISHED / "colin2022utility_table1.csv")
    sessions = table[table["metric"] == "MetaPredictorAccuracy"].pivot_table(
        index=["dataset", "method"], columns="condition", values="value"
    )
    printed = table[table["metric"] == "Utility"].set_index(["dataset", "method"])["value"]
    ours = {
        key: float(utility(sessions.loc[key], sessions.loc[(key[0], "Baseline")]))
        for key in printed.index
    }
    assert len(ours) == 21
    assert all(abs(ours[key] - printed[key]) <= 0.0101 for key in ours)


def test_utility_k_by_hand():
    accuracy, baseline = [0.5, 0.9], [0.5, 0.7]
    np.testing.assert_allclose(utility_k(accuracy, baseline), [0.5 / 0.6, 0.9 / 0.6])
    np.testing.assert_allclose(utility_k(accuracy, baseline, "session"), [1.0, 0.9 / 0.7])
    # Two heights: the trapezoid is their mean.
    assert trapezoid(accuracy, baseline) == pytest.approx((1.0 + 0.9 / 0.7) / 2)
    assert np.isnan(utility_k([0.5], [0.0])).all()


def test_trapezoid_weighs_the_ends_half():
    heights = np.array([1.0, 2.0, 5.0])
    assert trapezoid(heights, np.ones(3)) == pytest.approx((0.5 * 1 + 2 + 0.5 * 5) / 2)


def test_different_sessions_are_refused():
    with pytest.raises(SparksError, match="same sessions"):
        utility_k([0.5, 0.6], [0.5])
    with pytest.raises(SparksError, match="two sessions"):
        trapezoid([0.5], [0.5])


def test_summary_of_participants_who_are_all_alike_has_no_interval():
    found = summary(session_accuracies(answers({"Baseline": 1.0, "GradCAM": 1.0})))
    row = found[found["metric"] == "Utility"].iloc[0]
    assert (row["mean"], row["n"]) == (1.0, 20)
    assert np.isnan([row["low"], row["high"]]).all()
    assert not ((found["condition"] == "Baseline") & (found["metric"] == "Utility")).any()
    assert set(found[found["metric"] == "UtilityK"]["session"]) == {1, 2, 3}


def test_interval_of_utility_agrees_with_the_delta_method():
    sessions = session_accuracies(answers({"Baseline": 0.6, "GradCAM": 0.8}, participants=60))
    row = (
        summary(sessions, bootstrap=Bootstrap(resamples=4000)).query("metric == 'Utility'").iloc[0]
    )
    means = sessions.groupby(["condition", "participant"])["accuracy"].mean()
    a, b = means["GradCAM"], means["Baseline"]
    ratio = a.mean() / b.mean()
    error = ratio * np.sqrt(a.var() / 60 / a.mean() ** 2 + b.var() / 60 / b.mean() ** 2)
    assert row["mean"] == pytest.approx(ratio)
    assert row["low"] == pytest.approx(ratio - 1.96 * error, abs=0.2 * error)
    assert row["high"] == pytest.approx(ratio + 1.96 * error, abs=0.2 * error)


def test_those_who_missed_a_session_are_left_out():
    table = answers({"Baseline": 0.6, "GradCAM": 0.8})
    gone = (table["participant"] == "GradCAM-3") & (table["session"] == 3)
    found = summary(session_accuracies(table[~gone]))
    counts = found[found["metric"] == "MetaPredictorAccuracy"].groupby("condition")["n"].unique()
    assert list(counts["GradCAM"]) == [19]
    assert list(counts["Baseline"]) == [20]


def test_summary_needs_a_baseline():
    with pytest.raises(SparksError, match="Baseline"):
        summary(session_accuracies(answers({"GradCAM": 0.8})))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda t: t.drop(columns="trial"), "trial"),
        (lambda t: t.iloc[:0], "no answer"),
        (lambda t: t.assign(answer=t["answer"].where(t.index > 0)), "missing"),
        (lambda t: t.assign(correct=1 - t["correct"]), "is not whether"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "twice"),
        (lambda t: t.assign(participant="one", trial=range(len(t))), "between subjects"),
    ],
)
def test_bad_answers_are_refused(spoil, expected):
    with pytest.raises(SparksError, match=expected):
        session_accuracies(spoil(answers({"Baseline": 0.6, "GradCAM": 0.8}, participants=2)))


def test_anova_by_sums_of_squares():
    sessions = session_accuracies(answers({"Baseline": 0.6, "GradCAM": 0.8, "Saliency": 0.7}))
    found = anova(sessions, "wolf")
    means = sessions.groupby(["condition", "participant"])["accuracy"].mean()
    centre = means.groupby("condition").transform("mean")
    between = ((centre - means.mean()) ** 2).sum()
    within = ((means - centre) ** 2).sum()
    assert (found.between, found.within) == (2, 57)
    assert found.f == pytest.approx(between / 2 / (within / 57))
    assert found.eta2 == pytest.approx(between / (between + within))
    assert found.eta2 == pytest.approx(eta2_of(found.f, found.between, found.within))


def test_participants_who_are_all_alike_decide_no_test():
    sessions = session_accuracies(answers({"Baseline": 1.0, "GradCAM": 0.0}))
    found, rows = anova(sessions, "wolf"), tukey(sessions, "wolf").iloc[0]
    assert found.eta2 == pytest.approx(1)
    assert np.isnan([found.f, found.p]).all()
    assert rows["difference"] == -1
    assert np.isnan([rows["low"], rows["high"], rows["p"]]).all()


def test_points_on_a_line_have_no_interval():
    found = correlation([1, 2, 3, 4, 5], [2, 4, 6, 8, 10])
    assert found.r == pytest.approx(1)
    assert np.isnan([found.p, found.low, found.high]).all()
    assert np.isnan(correlation([1, 2, 3, 4, 5], [2, 2, 2, 2, 2]).r)


def test_one_participant_has_no_interval_whatever_the_others():
    people = answers({"Baseline": 0.6, "GradCAM": 0.8})
    for alone in ("Baseline", "GradCAM"):
        first = people[people["condition"] == alone]["participant"].iloc[0]
        some = people[(people["condition"] != alone) | (people["participant"] == first)]
        rows = summary(session_accuracies(some))
        utility = rows[(rows["metric"] == "Utility")].iloc[0]
        assert np.isfinite(utility["mean"])
        assert np.isnan([utility["low"], utility["high"]]).all()


def test_tukey_of_two_conditions_is_the_t_test():
    from scipy.stats import ttest_ind

    sessions = session_accuracies(answers({"Baseline": 0.6, "GradCAM": 0.72}))
    means = sessions.groupby(["condition", "participant"])["accuracy"].mean()
    found = tukey(sessions, "wolf").iloc[0]
    assert found["p"] == pytest.approx(
        ttest_ind(means["GradCAM"], means["Baseline"]).pvalue, abs=1e-6
    )
    assert found["difference"] == pytest.approx(means["GradCAM"].mean() - means["Baseline"].mean())


def test_a_lone_participant_cannot_be_tested():
    table = answers({"Baseline": 0.6, "GradCAM": 0.7}, participants=1)
    with pytest.raises(SparksError, match="one participant"):
        anova(session_accuracies(table), "wolf")


def test_correlation():
    x = np.random.default_rng(0).normal(size=50)
    y = x + np.random.default_rng(1).normal(size=50)
    found = correlation(x, y)
    assert found.r == pytest.approx(np.corrcoef(x, y)[0, 1])
    # p by permutation, roughly.
    rng = np.random.default_rng(2)
    weak = correlation(x[:12], y[:12] - x[:12])
    shuffled = [
        abs(np.corrcoef(x[:12], rng.permutation(y[:12] - x[:12]))[0, 1]) for _ in range(4000)
    ]
    assert weak.p == pytest.approx(np.mean(np.array(shuffled) >= abs(weak.r)), abs=0.03)
    assert np.isnan(correlation([1, 1, 1, 1], [1, 2, 3, 4]).r)
    around = 1.96 / np.sqrt(47)  # of the inverse hyperbolic tangent
    assert found.low == pytest.approx(np.tanh(np.arctanh(found.r) - around), abs=1e-4)
    assert found.high == pytest.approx(np.tanh(np.arctanh(found.r) + around), abs=1e-4)
    with pytest.raises(SparksError, match="NaN"):
        correlation([1, 2, np.nan], [1, 2, 3])
