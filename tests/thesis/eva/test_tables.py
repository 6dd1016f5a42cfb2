"""tab-eva and tab-eva-bounds: numbers land in their cells, published ones beside them."""

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks.stats import Bootstrap
from sparks_thesis.eva.tables import Benchmark, ByBound

PUBLISHED = pd.read_csv("config/published/fel2023eva_table1.csv")
BOUNDS = pd.read_csv("config/published/fel2023eva_table2.csv")


def results(rows):
    return as_results(pd.DataFrame(rows))


def row(metric, value, method="EVA", image=0, **columns):
    return {
        "dataset": "digits", "model": "mlp", "method": method,
        "metric": metric, "image": image, "seed": 0, "value": value, **columns,
    }  # fmt: skip


def test_each_score_stands_beside_the_published_one():
    scores = results(
        [
            row(metric, value + 0.1 * i, method, image=i)
            for method, value in (("EVA", 0.25), ("Greedy-AO", 0.35))
            for metric in ("Deletion", "Insertion", "MuFidelity", "Robustness-Sr")
            for i in (0, 1)
        ]
        + [row("Robustness-Sr", 9.0, attack_steps=50)]
    )
    cost = results([row("Seconds", 0.02), row("Seconds", 0.5, "Greedy-AO")])
    table = Benchmark({"digits, mlp": "MNIST"}, ("Greedy-AO", "EVA"), Bootstrap(resamples=20))(
        scores, cost, PUBLISHED
    )
    numbers = table.numbers.set_index(["method", "metric"])
    assert numbers.loc[("EVA", "Deletion"), "mean"] == pytest.approx(0.3)
    assert numbers.loc[("EVA", "Robustness-Sr"), "mean"] == pytest.approx(0.3)
    assert numbers.loc[("EVA", "Deletion"), "published"] == pytest.approx(0.089)
    assert numbers.loc[("EVA", "Seconds"), "published"] == pytest.approx(1.29 / 500)
    assert list(table.shown["method"]) == ["Greedy-AO", "EVA"]
    assert table.shown.loc[0, "Deletion, paper"] == "–"  # it is not in the paper's table
    assert table.shown.loc[1, "time (ms, measured)"] == "20.0"
    assert "2 of digits with mlp" in table.caption
    assert "(digits with mlp beside MNIST)" in table.caption
    same = Benchmark({"mnist, mlp": "MNIST"})(scores.assign(dataset="mnist"), cost, PUBLISHED)
    assert "(mnist with mlp beside MNIST, the same data)" in same.caption
    with pytest.raises(SparksError, match="no score"):
        Benchmark({})(scores[:0], cost, PUBLISHED)


def test_bounds_are_listed_in_the_papers_order():
    names = ["IBP", "Forward", "Backward", "IBP+Forward+Backward"]
    metrics = ["Tightness", "TightnessMargin", "Deletion", "Insertion", "MuFidelity"]
    scores = results(
        [
            row(metric, 4.0 - k, bound=name, image=i)
            for k, name in enumerate(names)
            for metric in [*metrics, "Robustness-Sr"]
            for i in (0, 1)
        ]
    )
    table = ByBound(Bootstrap(resamples=20))(scores, BOUNDS)
    assert list(table.shown["bound"]) == names
    numbers = table.numbers.set_index(["bound", "metric"])
    assert numbers.loc[("Backward", "Tightness"), ["mean", "published"]].tolist() == [2.0, 2.36]
    assert table.shown.loc[3, "Tightness, paper"] == "1.55"
    with pytest.raises(SparksError, match="no score"):
        ByBound()(scores.assign(bound=""), BOUNDS)


def test_an_attack_with_more_steps_is_compared_on_the_same_images():
    ours = {"EVA": (0.1, 0.3), "RISE": (0.2, 0.4), "Random": (0.5, 0.9)}
    stronger = {
        "EVA": 0.1,
        "RISE": 0.05,
        "Random": 0.4,
    }  # of the first image alone; two change places
    metrics = ("Deletion", "Insertion", "MuFidelity")
    scores = results(
        [row(metric, 0.5, method) for metric in metrics for method in ours]
        + [
            row("Robustness-Sr", value, method, image=i)
            for method, values in ours.items()
            for i, value in enumerate(values)
        ]
        + [
            row("Robustness-Sr", value, method, attack_steps=50)
            for method, value in stronger.items()
        ]
        + [row("Robustness-Sr", 0.5, "EVA", bound="IBP")]  # no attack: another table's
    )
    cost = results([row("Seconds", 0.02, method) for method in ours])
    caption = Benchmark({}, (), Bootstrap(resamples=20))(scores, cost, PUBLISHED).caption
    assert "attack of 50 steps on digits with mlp: τ +0.33, 0.150" in caption
    assert "bounds IBP" not in caption
