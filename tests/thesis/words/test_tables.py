"""tab-words on made-up scores."""

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks.stats import Bootstrap, proportion
from sparks_thesis.words.tables import Words


def rows(method, metric, values, **columns):
    table = pd.DataFrame(
        {
            "dataset": "reviews",
            "model": "textcnn",
            "method": method,
            "metric": metric,
            "seed": 0,
            "image": range(len(values)),
            "value": values,
        }
    )
    return as_results(table, **columns)


SCORES = pd.concat(
    [
        rows("Random", "Deletion", [0.7, 0.8, 0.9]),
        rows("Sobol", "Deletion", [0.1, 0.2, 0.3]),
        rows("Sobol", "Insertion", [0.6, 0.7, 0.8]),
        rows("Sobol", "PointingGame", [1.0, 1.0, 0.0]),
        rows("Sobol", "PointingChance", [0.1, 0.2, 0.3]),
        rows("Sobol", "Forwards", [300.0, 320.0, 340.0]),
        rows("", "Accuracy", [1.0, 1.0, 0.0, 1.0], split="test"),
    ],
    ignore_index=True,
)


def test_numbers_and_text():
    table = Words()(SCORES)
    assert list(table.shown["method"]) == ["Sobol", "Random"]  # best Deletion first
    sobol, random = table.shown.to_dict("records")
    assert sobol["forwards"] == "320"
    assert sobol["word Deletion ↓"].startswith("0.200 [")
    assert random["word Insertion ↑"] == "–"
    numbers = table.numbers.set_index(["method", "metric"])
    interval = Bootstrap().mean([0.1, 0.2, 0.3])
    assert numbers.loc[("Sobol", "Deletion"), "low"] == interval.low
    share = proportion([1, 1, 0])
    pointing = numbers.loc[("Sobol", "PointingGame")]
    assert (pointing["mean"], pointing["low"]) == (pytest.approx(2 / 3), share.low)
    assert sobol["top word is a keyword % ↑"] == (
        f"66.7 [{100 * share.low:.1f}, {100 * share.high:.1f}]"
    )


def test_caption_tells_texts_accuracy_and_chance():
    caption = Words()(SCORES).caption
    assert "reviews: 3 texts, accuracy 75.0 [" in caption
    assert "keyword in 20.0% of the cases" in caption
    without = Words()(SCORES[~SCORES["metric"].str.startswith("Pointing")])
    assert "a keyword in" not in without.caption
    assert set(without.shown["top word is a keyword % ↑"]) == {"–"}


def test_an_experiment_without_texts_is_refused():
    with pytest.raises(SparksError, match="no text was explained"):
        Words()(SCORES[SCORES["metric"] == "Accuracy"])


@pytest.mark.parametrize(
    ("lost", "expected"), [([0.0, 0.0, 0.0], None), ([1.0, 0.0, 1.0], "2 of 3")]
)
def test_caption_counts_texts_that_lost_all_words(lost, expected):
    scores = pd.concat([SCORES, rows("", "Wordless", lost, split="test")], ignore_index=True)
    caption = Words()(scores).caption
    assert (f"{expected} test texts have no word that it knows" in caption) == bool(expected)
    assert ("no word" in caption) == (expected is not None)
