"""tab-pointing and tab-cost from made-up numbers."""

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks.stats import Bootstrap, proportion
from sparks_thesis.sobol.table_cost import Cost
from sparks_thesis.sobol.table_peers import Peers
from sparks_thesis.sobol.table_pointing import Pointing


def rows(method, metric, values, **columns):
    table = pd.DataFrame(
        {
            "dataset": "d",
            "model": "m",
            "seed": 0,
            "method": method,
            "metric": metric,
            "image": range(len(values)),
            "value": values,
        }
    )
    return as_results(table, **columns)


def test_pointing_is_the_share_of_hits_beside_chance_best_first():
    scores = pd.concat(
        [
            rows("A", "PointingGame", [1.0, 0.0, 0.0, float("nan")]),
            rows("B", "PointingGame", [1.0, 1.0, 1.0, 1.0]),
            rows("B", "PointingGame", [0.0], forwards=66),  # not the default settings
            rows("A", "PointingChance", [0.1, 0.3, 0.2, 0.2]),
            rows("B", "PointingChance", [0.1, 0.3, 0.2, 0.2]),
        ]
    )
    table = Pointing()(scores)
    assert table.numbers["method"].tolist() == ["B", "A"]
    assert table.numbers["mean"].tolist() == [1.0, pytest.approx(1 / 3)]
    assert table.numbers["n"].tolist() == [4, 3]  # where the mask is empty there is no game
    wilson = proportion([1, 0, 0])
    assert table.numbers.loc[1, ["low", "high"]].tolist() == [wilson.low, wilson.high]
    assert table.shown["chance %"].tolist() == ["20.0", "20.0"]
    assert table.shown["hits %"][1].startswith("33.3 [")


def test_no_pointing_game_is_refused():
    with pytest.raises(SparksError, match="localisation"):
        Pointing()(rows("A", "Deletion", [0.5]))


def test_cost_is_fastest_first_with_time_over_passes():
    cost = pd.concat(
        [
            rows(method, metric, [value])
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
    scores = pd.concat(
        [
            rows("A", "ROAD", [0.1, 0.3]),
            rows("B", "ROAD", [0.5, 0.5]),
            rows("B", "Infidelity", [0.2, float("nan")]),
            rows("A", "Deletion", [0.2, 0.2]),
        ]
    )
    table = Peers(Bootstrap(resamples=50))(scores)
    assert list(table.shown)[3:] == ["ROAD ↑", "infidelity ↓"]
    assert table.shown["method"].tolist() == ["B", "A"]  # the best by ROAD first
    assert table.shown["ROAD ↑"][1].startswith("0.200 [")
    assert table.shown["infidelity ↓"].tolist()[1] == "–"
    with pytest.raises(SparksError, match="none of these metrics was measured"):
        Peers()(rows("A", "Deletion", [0.5]))
