"""Tables of the stability chapter: published beside ours, warnings, and what was not run."""

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import MetricRecorder
from sparks.stats import Bootstrap
from sparks_thesis.stability.rows import fold_accuracy
from sparks_thesis.stability.scored import Scored
from sparks_thesis.stability.table_lipschitz import StabilityLipschitz
from sparks_thesis.stability.tables import Stability, accuracies

from .rows import scores

BOOTSTRAP = Bootstrap(resamples=20)
METHODS = ("Saliency", "GradCAM", "RISE", "Random")


def level(method: str, condition: str) -> float:
    return {"Saliency": 0.6, "GradCAM": 0.3, "RISE": 0.4, "Random": 0.9}[method]


def printed() -> pd.DataFrame:
    """GradCAM above RISE above Saliency for one data set, the other way round for another."""
    rows = [
        {"dataset": dataset, "model": "ResNet18", "method": method, "metric": metric}
        | {"value": value if dataset == "Fashion-MNIST" else 1 - value, "condition": ""}
        for dataset in ("Fashion-MNIST", "EuroSAT")
        for metric in ("MeGe", "ReCo")
        for method, value in (("GradCAM", 0.77), ("RISE", 0.52), ("Saliency", 0.30))
    ]
    lipschitz = {"dataset": "CIFAR-10", "model": "1-Lipschitz CNN", "method": "RISE"}
    return pd.DataFrame([*rows, lipschitz | {"metric": "MeGe", "value": 0.85, "condition": ""}])


def test_stability_shows_ours_beside_the_published_and_compares_orders():
    table = scores(METHODS, level=level)
    made = Stability({"digits, convnet": "Fashion-MNIST"}, bootstrap=BOOTSTRAP)(table, printed())
    row = made.numbers.query("method == 'RISE' and metric == 'MeGe'").iloc[0]
    ours = Scored(table, BOOTSTRAP).estimate("digits", "convnet", "", "RISE", "MeGe")
    assert row["mean"] == pytest.approx(ours.value)
    assert row["low"] <= row["mean"] <= row["high"]
    assert row["published"] == 0.52
    shown = made.shown.set_index("method")
    assert shown.loc["RISE", "MeGe ↑"].endswith("(0.52)")
    assert not shown.loc["Random", "MeGe ↑"].endswith(")")
    assert shown.loc["τ, Fashion-MNIST", "MeGe ↑"] == "1.00"
    assert shown.loc["τ, EuroSAT", "MeGe ↑"] == "-1.00"
    assert list(shown.index)[:4] == list(METHODS)
    assert "12 images of digits (6 distances in S₌, 6 in S≠)" in made.caption
    assert "published, Fashion-MNIST beside digits" in made.caption
    assert "WARNING" not in made.caption
    assert made.latex("tab-x")
    assert made.html("x")


def test_both_variants_are_shown_and_printed_mege_is_never_below_a_half():
    numbers = Stability(bootstrap=BOOTSTRAP)(scores(METHODS, level=level)).numbers
    means = numbers.set_index(["method", "metric"])["mean"]
    assert means["Random", "MeGe"] == pytest.approx(1 - 0.91, abs=0.01)
    assert means["Random", "MeGe (printed)"] == pytest.approx(1 / 1.91, abs=0.01)


def test_accuracies_beyond_the_tolerance_are_reported_in_numbers():
    table = scores(METHODS, level=level, accuracy=(0.80, 0.90, 0.94))
    made = Stability(bootstrap=BOOTSTRAP)(table)
    assert "80.0, 90.0, 94.0 %" in made.caption
    assert "WARNING: they lie up to 8.0 points from their mean, more than the paper's ±3" in (
        made.caption
    )
    assert "WARNING" not in accuracies(table, 0.09)


def test_an_empty_set_is_said_and_no_number_invented():
    made = Stability(bootstrap=BOOTSTRAP)(scores(METHODS, unequal=0))
    rows = made.numbers[made.numbers["metric"].str.startswith("ReCo")]
    assert rows["mean"].isna().all()
    assert "S≠ is empty for convnet on digits, undegraded: ReCo does not exist" in made.caption
    assert (made.shown["ReCo ↑"] == "n/a").all()


def test_lipschitz_has_a_column_a_network_and_says_what_was_not_run():
    table = pd.concat(
        [scores(METHODS, level=level), scores(METHODS, model="lipschitz", level=lambda m, c: 0.1)]
    )
    draw = StabilityLipschitz(
        {"convnet": "plain", "lipschitz": "1-Lipschitz", "baseline": "baseline"},
        {"1-Lipschitz CNN": "lipschitz", "ResNet18": "convnet"},
        bootstrap=BOOTSTRAP,
    )
    made = draw(table, printed())
    rise = made.shown.set_index(["dataset", "method"])
    assert rise.loc[("digits", "RISE"), "1-Lipschitz: MeGe ↑"].startswith("0.89")
    assert rise.loc[("digits", "RISE"), "baseline: MeGe ↑"] == "not run"
    assert rise.loc[("CIFAR-10 (published)", "RISE"), "1-Lipschitz: MeGe ↑"] == "0.85"
    assert rise.loc[("CIFAR-10 (published)", "RISE"), "plain: MeGe ↑"] == "–"
    assert "Not run: baseline." in made.caption


def test_accuracy_of_a_fold_is_that_of_its_last_epoch():
    history = pd.DataFrame(
        {"epoch": [1, 2, 1, 2], "fold": [0, 0, 1, 1], "accuracy": [0.8, 0.8, 0.9, 0.9]}
    ).assign(dataset="d", model="m", seed=0, percent=30)
    rows = fold_accuracy(history)
    assert rows["value"].tolist() == [0.8, 0.9]
    assert set(rows["degradation"]) == {"label noise"}
    assert set(rows["percent"]) == {30}


@pytest.mark.parametrize("make", [Stability(), StabilityLipschitz({"convnet": "plain"})])
def test_nothing_to_show_is_refused(make: object):
    with pytest.raises(SparksError):
        make(MetricRecorder().table())
