"""Tables of the alignment part, their numbers counted by hand."""

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks_thesis.harmonization.tables import Harmonized, of_networks
from sparks_thesis.lipschitz.tables import Lipschitz, LipschitzMore

# Metric → column of its setting, the reduction where it is none of these.
COLUMN = {"Accuracy": "split", "RevealedAccuracy": "revealed", "NullBlockRate": "top"}


def rows(model, metric, values, setting="", method="", seed=0, dataset="d"):
    table = pd.DataFrame(
        {
            "experiment": "x", "dataset": dataset, "model": model, "method": method,
            "metric": metric,
            "image": range(len(values)), "seed": seed, "value": np.asarray(values, float),
        }
    )  # fmt: skip
    name, _, weight = model.partition("_lambda_")
    known = {"architecture": name, "harmonizer_weight": float(weight)} if weight else {}
    return as_results(
        table, **known, **({COLUMN.get(metric, "reduction"): setting} if setting != "" else {})
    )


@pytest.fixture
def scores():
    found = []
    for seed in (0, 1):
        for weight, rho in ((0, 0.1), (10, 0.3)):
            model = f"net_lambda_{weight}"
            found += [
                rows(model, "Spearman", [rho, rho + 0.2], "max-abs", "Saliency", seed),
                rows(model, "Dice", [0.5, 0.5], "max-abs", "Saliency", seed),
                rows(model, "HumanCeiling", [0.5, 0.3], seed=seed),
                rows(model, "Accuracy", [1, 0, seed, 0], "test", seed=seed),
                rows(model, "Accuracy", [1, 1], "test_biased", seed=seed),
                rows("plain", "Accuracy", [1, 1], "test", seed=seed),
            ]
    return pd.concat(found, ignore_index=True)


def test_alignment_is_the_correlation_over_the_ceiling(scores):
    means = of_networks(scores)
    aligned = means[means["metric"] == "Alignment"].set_index(["harmonizer_weight", "seed"])[
        "value"
    ]
    assert aligned[0.0, 0] == pytest.approx(0.2 / 0.4)
    assert aligned[10.0, 1] == pytest.approx(0.4 / 0.4)
    assert set(means["architecture"]) == {"net"}
    with pytest.raises(SparksError, match="no harmonized network"):
        of_networks(scores[scores["model"] == "plain"])


def test_each_network_stands_beside_its_baseline(scores):
    table = Harmonized()(scores)
    shown = table.shown.set_index("λ")
    assert shown.loc["0", "accuracy %, unbiased"].startswith("37.5 [")
    assert shown.loc["10", "alignment %"].endswith("(+50.0)")
    assert shown.loc["10", "IoU"] == "n/a"
    assert shown["seeds"].tolist() == ["2", "2"]
    gains = table.numbers[table.numbers["quantity"] == "alignment %, gain"]
    assert gains["mean"].tolist() == pytest.approx([0.5])
    assert "simulated" not in table.caption
    drawn = Harmonized()(scores.assign(dataset="chimera_biased"))
    assert "simulated" in drawn.caption


def test_networks_without_a_seed_in_common_show_no_gain(scores):
    apart = scores[~((scores["model"] == "net_lambda_0") & (scores["seed"] == 1))]
    apart = apart[~((apart["model"] == "net_lambda_10") & (apart["seed"] == 0))]
    assert "(" not in Harmonized()(apart).shown.set_index("λ").loc["10", "alignment %"]


PUBLISHED = pd.DataFrame(
    [
        ("Fashion-MNIST", "OTNN", "baseline Zero", "Saliency", "MuFidelity", 0.246),
        ("Fashion-MNIST", "OTNN", "Spearman", "Saliency", "Stability", 0.59),
        ("Fashion-MNIST", "OTNN", None, "Saliency", "SaliencySmoothGradDistance", 7.5e-3),
        ("BlockMNIST", "OTNN", "top 10%", "Saliency", "NullBlockRate", 1.8),
        ("BlockMNIST", "unconstrained", "top 10%", "Saliency", "NullBlockRate", 44.8),
    ],
    columns=["dataset", "model", "condition", "method", "metric", "value"],
)


def test_metrics_of_maps_stand_beside_the_published_ones():
    scores = pd.concat(
        [
            rows("net", "MuFidelity", [0.1, 0.3], "baseline Zero", "Saliency"),
            rows("net", "AverageStabilityRank", [0.5, 0.7], "", "Saliency"),
            rows("net", "Accuracy", [1, 1], "test"),
        ]
    )
    table = Lipschitz()(scores, PUBLISHED)
    ours, theirs = table.shown.to_dict("records")
    assert ours["MuFidelity, zero ↑"].startswith("0.200")
    assert ours["Deletion ↓"] == ""
    assert theirs["model"] == "OTNN (published)"
    assert theirs["Stability (1 − ρ) ↓"] == "0.59"
    assert theirs["to SmoothGrad (ℓ2) ↓"] == "0.0075"
    assert set(table.numbers["source"]) == {"here", "published"}
    with pytest.raises(SparksError, match="no maps"):
        Lipschitz()(rows("net", "Accuracy", [1.0], "test"), PUBLISHED)


def test_broken_certificates_are_counted():
    scores = pd.concat(
        [
            rows("net", "Accuracy", [1, 1, 1, 0], "test"),
            rows("net", "CertifiedRadius", [1.0, 1.0, 1.0]),
            rows("net", "AttackNorm", [2.0, 0.5, np.nan]),
            rows("net", "NullBlockRate", [0.2, 0.4], 10, "Saliency"),
            rows("baseline", "Accuracy", [1, 1], "test"),
        ]
    )
    table = LipschitzMore(tops=[10])(scores, PUBLISHED)
    shown = table.shown.set_index("model")
    assert shown.loc["net", "certificates broken"] == "1 of 3"
    assert shown.loc["baseline", "certificates broken"] == ""
    assert shown.loc["net", "accuracy %"].startswith("75.0")
    assert shown.loc["net", "null block, top 10 %"].startswith("30.0")
    assert "44.8 % unconstrained, 1.8 %" in table.caption
