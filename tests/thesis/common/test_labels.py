"""Settings of results in the words of published tables."""

import pandas as pd
import pytest

from sparks.results import as_results
from sparks_thesis.common.labels import condition


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, ""),
        ({"split": "test"}, "test"),
        ({"reduction": "max-abs"}, "max-abs"),
        ({"top": 2.5}, "top 2.5%"),
        ({"top": 5}, "top 5%"),
        ({"t": 3.0}, "t = 3"),
        ({"session": 2}, "session 2"),
        ({"bound": "IBP"}, "bounds IBP"),
        ({"degradation": "label noise", "percent": 5}, "label noise 5%"),
        ({"revealed": 0.5}, "0.5"),
        ({"t": 1, "split": "test"}, "test, t = 1"),
    ],
)
def test_conditions(columns, words):
    rows = pd.DataFrame({"metric": ["A", "A"], "value": [0.0, 1.0]})
    assert condition(as_results(rows, seed=0, **columns)).tolist() == [words, words]


def test_each_row_has_its_own():
    rows = pd.DataFrame({"metric": "A", "value": [0.0, 1.0], "session": [1, None]})
    labelled = condition(as_results(rows, seed=0).set_axis([4, 2]))
    assert labelled.to_dict() == {4: "session 1", 2: ""}
