"""Tables in four formats: every digit is kept, and markup escaped."""

import io

import pandas as pd
import pytest

from sparks_thesis.common.table import Table

HOSTILE = "a|b & 50% of x_1 <script>"


@pytest.fixture
def table():
    frame = pd.DataFrame({"name": [HOSTILE], "value": [0.1234567890123]})
    return Table(frame, frame.astype(str), f"About {HOSTILE}.")


def test_csv_keeps_every_digit(table):
    assert table.csv() == f"name,value\n{HOSTILE},0.1234567890123\n"


def test_csv_says_where_it_comes_from(table):
    lines = table.csv('{"made by": "sparks"}')
    assert lines.startswith('# {"made by": "sparks"}\nname,value\n')
    read = pd.read_csv(io.StringIO(lines), comment="#")
    pd.testing.assert_frame_equal(read, table.numbers)


def test_markup_of_each_format_is_escaped(table):
    assert r"a\|b" in table.markdown()
    assert r"50\% of x\_\allowbreak{}1 $<$script$>$" in table.latex("tab-x")
    assert "<script>" not in table.html("<script>")
    assert "&lt;script&gt;" in table.html("T")


def test_latex_columns_match_its_header(table):
    lines = table.latex("tab-x").splitlines()
    assert r"\begin{tabular}{ll}" in lines
    assert r"name & value \\" in lines
