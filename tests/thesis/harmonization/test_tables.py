"""Tables of the alignment part, their numbers counted by hand."""

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks_thesis.harmonization.tables import Harmonized, of_networks

from ..common.network_rows import rows


@pytest.fixture
def scores():
    found = []
    for seed in (0, 1):
        for weight, rho in ((0, 0.1), (10, 0.3)):
            model = f"net_lambda_{weight}"
            found += [
                rows(model, "Spearman", [rho, rho + 0.2], "max-abs", "Saliency", seed=seed),
                rows(model, "Dice", [0.5, 0.5], "max-abs", "Saliency", seed=seed),
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
