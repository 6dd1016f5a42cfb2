"""The tables from made-up numbers: every cell can be said beforehand."""

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.stats import Bootstrap, proportion
from sparks_thesis.sobol.table_cost import Cost
from sparks_thesis.sobol.table_fidelity import Fidelity
from sparks_thesis.sobol.table_maps import Maps
from sparks_thesis.sobol.table_peers import Peers
from sparks_thesis.sobol.table_pointing import Pointing

from ..common.rows import rows, scores


def test_pointing_is_the_share_of_hits_beside_chance_best_first():
    measured = pd.concat(
        [
            rows("PointingGame", "A", [1.0, 0.0, 0.0, float("nan")]),
            rows("PointingGame", "B", [1.0, 1.0, 1.0, 1.0]),
            rows("PointingGame", "B", [0.0], forwards=66),  # not the default settings
            rows("PointingChance", "A", [0.1, 0.3, 0.2, 0.2]),
            rows("PointingChance", "B", [0.1, 0.3, 0.2, 0.2]),
        ]
    )
    table = Pointing()(measured)
    assert table.numbers["method"].tolist() == ["B", "A"]
    assert table.numbers["mean"].tolist() == [1.0, pytest.approx(1 / 3)]
    assert table.numbers["n"].tolist() == [4, 3]  # where the mask is empty there is no game
    wilson = proportion([1, 0, 0])
    assert table.numbers.loc[1, ["low", "high"]].tolist() == [wilson.low, wilson.high]
    assert table.shown["chance %"].tolist() == ["20.0", "20.0"]
    assert table.shown["hits %"][1].startswith("33.3 [")


def test_no_pointing_game_is_refused():
    with pytest.raises(SparksError, match="localisation"):
        Pointing()(rows("Deletion", "A", [0.5]))


def test_cost_is_fastest_first_with_time_over_passes():
    cost = pd.concat(
        [
            rows(metric, method, [value])
            for method, values in {
                "Saliency": (1, 1, 0.01, 30),
                "Sobol": (2112, 0, 0.4224, 120),
                "Random": (0, 0, 0.0001, 0),
            }.items()
            for metric, value in zip(
                ("Forwards", "Backwards", "Seconds", "PeakMemory"), values, strict=True
            )
        ]
    )
    table = Cost()(cost)
    assert table.shown["method"].tolist() == ["Random", "Saliency", "Sobol"]
    assert table.shown["forwards"].tolist() == ["0", "1", "2,112"]
    assert table.shown["backwards"].tolist() == ["0", "1", "0"]
    assert table.shown["ms"].tolist() == ["0.1", "10.0", "422.4"]
    assert table.shown["µs a pass"].tolist() == ["–", "5,000", "200"]
    assert table.shown["peak memory MB"].tolist() == ["0", "30", "120"]
    assert table.numbers["Seconds"].tolist() == [0.0001, 0.01, 0.4224]


def test_metrics_of_other_papers_are_columns_where_they_were_measured():
    measured = pd.concat(
        [
            rows("ROAD", "A", [0.1, 0.3]),
            rows("ROAD", "B", [0.5, 0.5]),
            rows("Infidelity", "B", [0.2, float("nan")]),
            rows("Deletion", "A", [0.2, 0.2]),
        ]
    )
    table = Peers(Bootstrap(resamples=50))(measured)
    assert list(table.shown)[3:] == ["ROAD ↑", "infidelity ↓"]
    assert table.shown["method"].tolist() == ["B", "A"]  # the best by ROAD first
    assert table.shown["ROAD ↑"][1].startswith("0.200 [")
    assert table.shown["infidelity ↓"].tolist()[1] == "–"
    with pytest.raises(SparksError, match="none of these metrics was measured"):
        Peers()(rows("Deletion", "A", [0.5]))


def test_maps_come_most_stable_first_with_what_was_measured_of_them():
    ours = scores(
        {
            ("A", "AverageStability"): [0.5, 0.7],
            ("B", "AverageStability"): [0.1, 0.1],
            ("B", "JPEGSize"): [100, 103],
            ("B", "Deletion"): [0.9, 0.9, 0.9],
            ("B", "Insertion"): [0.2, 0.6],
        }
    )
    shown = Maps(Bootstrap(resamples=50))(ours).shown.set_index("method")
    assert list(shown.index) == ["B", "A"]
    assert shown.loc["A", "AverageStability ↓"].startswith("0.600")
    assert shown.loc["B", "JPEG, bytes"].startswith("102 [")
    assert shown.loc["A", "JPEG, bytes"] == "–"
    # Of the images with both areas: -0.7 and -0.3.
    assert shown.loc["B", "Insertion − Deletion ↑"].startswith("-0.500 [-0.700")
    assert shown.loc["A", "Insertion − Deletion ↑"] == "–"
    with pytest.raises(SparksError, match="no property of maps"):
        Maps()(ours[ours["metric"] == "Deletion"])


def test_fidelity_shows_means_best_deletion_first_and_agreement_with_the_published():
    ours = scores(
        {
            ("A", "Deletion"): [0.5, 0.5],
            ("B", "Deletion"): [0.1, 0.3],
            ("C", "Deletion"): [0.4, 0.4],
            ("A", "Insertion"): [0.5, 0.7],
        }
    )
    published = pd.DataFrame(
        {"dataset": "P", "metric": "Deletion", "method": ["A", "B", "C"], "value": [3.0, 2.0, 1.0]}
    )
    made = Fidelity(Bootstrap(resamples=50))(ours, published)
    shown = made.shown.set_index("method")
    assert list(shown.index) == ["B", "C", "A", "τ, P"]
    assert shown.loc["B", "Deletion ↓"].startswith("0.200 [0.1")
    assert shown.loc["A", "Insertion ↑"].startswith("0.600")
    assert shown.loc["B", "Insertion ↑"] == "–"
    # Ours: B < C < A; theirs: C < B < A. Two of three pairs agree.
    assert shown.loc["τ, P", "Deletion ↓"] == "+0.33"


def test_a_metric_that_exists_for_no_image_is_shown_as_such():
    """Such as the correlation of a constant map."""
    ours = scores({("A", "Deletion"): [0.1, 0.2], ("B", "Deletion"): [np.nan, np.nan]})
    shown = Fidelity(Bootstrap(resamples=20))(ours).shown.set_index("method")
    assert shown.loc["B", "Deletion ↓"] == "n/a"
    assert shown.loc["A", "Deletion ↓"].startswith("0.150")


def test_fidelity_without_scores_is_refused():
    with pytest.raises(SparksError, match="no fidelity score"):
        Fidelity()(scores({("A", "Forwards"): [1.0]}))


def test_intervals_over_few_images_are_said_to_be_too_narrow():
    column = list(np.linspace(0, 1, 100))
    ours = scores({("A", "Deletion"): column, ("A", "Entropy"): column})
    few = ours[ours["image"] < 7].assign(dataset="photographs")
    for table in (Fidelity(Bootstrap(resamples=20)), Maps(Bootstrap(resamples=20))):
        caption = table(pd.concat([ours, few])).caption
        assert "100 of d, 7 of photographs" in caption
        assert "with 7 images (photographs) they cover about 88%" in caption
        assert "too narrow" not in table(ours).caption
