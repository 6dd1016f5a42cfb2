"""Tables of results: what is recorded is what is read, and other tables are refused."""

import re

import pandas as pd
import pytest
import torch

from sparks.errors import SparksError
from sparks.io import save_table
from sparks.results import COLUMNS, UNITS, MetricRecorder, as_results, load_results


def recorded() -> pd.DataFrame:
    recorder = MetricRecorder()
    recorder.add_images({"A": torch.tensor([0.5, float("nan")]), "B": [True, False]}, method="M")
    recorder.add({"C": [3]}, forwards=66, t=0.5)
    recorder.add_layers(["first", "second"])
    return recorder.table(dataset="d", model="m", seed="7")


def test_a_row_is_a_value_and_columns_that_do_not_apply_are_empty():
    table = recorded()
    assert list(table) == list(COLUMNS)
    assert table["metric"].tolist() == ["A", "A", "B", "B", "C", "LayerDepth", "LayerDepth"]
    assert table["value"].tolist()[2:] == [1, 0, 3, 0, 1]
    assert pd.isna(table["value"][1])
    assert table["image"].tolist()[:4] == [0, 1, 0, 1]
    assert table["image"][4:].isna().all()
    assert table["method"].tolist() == ["M"] * 4 + [""] * 3
    assert table["layer"].tolist()[-2:] == ["first", "second"]
    assert (table["forwards"][4], table["t"][4]) == (66, 0.5)
    assert table["seed"].tolist() == [7] * 7


def test_every_column_says_what_it_means():
    assert all(len(column.meaning) > 5 for column in COLUMNS.values())
    assert set(UNITS) < set(COLUMNS)
    assert list(COLUMNS)[-1] == "value"


def test_what_is_written_is_read(tmp_path):
    table, path = recorded(), tmp_path / "a.parquet"
    save_table(path, table)
    pd.testing.assert_frame_equal(load_results(path), table)
    both = load_results([path, path])
    pd.testing.assert_frame_equal(both[len(table) :].reset_index(drop=True), table)


def test_a_table_without_rows_has_every_column(tmp_path):
    save_table(tmp_path / "none.parquet", MetricRecorder().table(seed=0))
    assert load_results(tmp_path / "none.parquet").empty


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns="session"), "lacks the column 'session'"),
        (lambda t: t.assign(condition="132 forwards"), "holds the column 'condition'"),
        (
            lambda t: t.assign(session="session 2"),
            "holds object in the column 'session' where whole numbers are expected",
        ),
        (lambda t: t.assign(method=None), "something else than text in the column 'method'"),
        (lambda t: t.assign(metric=""), "has rows without 'metric'"),
    ],
)
def test_a_table_of_another_kind_is_refused_by_file_and_column(tmp_path, change, says):
    path = tmp_path / "scores.parquet"
    save_table(path, change(recorded()))
    with pytest.raises(SparksError, match=re.escape(says)) as refused:
        load_results(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message


def test_columns_that_are_none_and_contents_of_another_type_are_refused():
    with pytest.raises(SparksError, match="no column 'budget'"):
        MetricRecorder().add({"A": [1.0]}, budget=66)
    with pytest.raises(SparksError, match="no column 'budget'"):
        as_results(pd.DataFrame({"metric": ["A"], "value": [1.0], "budget": [66]}), seed=0)
    with pytest.raises(SparksError, match="'session' of a table of results takes whole numbers"):
        as_results(pd.DataFrame({"metric": ["A"], "value": [1.0]}), seed=0, session="session 2")
    with pytest.raises(SparksError, match="lacks the column 'seed'"):
        as_results(pd.DataFrame({"metric": ["A"], "value": [1.0]}))
