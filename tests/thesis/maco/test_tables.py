"""tab-maco on made-up scores."""

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks_thesis.maco.tables import Maco


def rows(metric, values, method="MACO", unit="picture", **columns):
    known = {"dataset": "toy", "model": "net", "seed": 0, "metric": metric, "method": method}
    columns = {"objective": "logit"} | columns
    return as_results(pd.DataFrame(known | {unit: range(len(values)), "value": values}), **columns)


TABLE = pd.concat(
    [
        rows("Plausibility", [1.0, 1.0], "natural images"),
        rows("Plausibility", [2.0, 4.0]),
        rows("Plausibility", [50.0], objective="channel"),
        rows("FID", [12.5]),
        rows("Transferability", [1, 0], evaluator="one"),
        rows("Transferability", [1, 1], evaluator="two"),
        rows("Transferability", [0, 0], evaluator="itself"),
        rows("Selective", [1, 1, 1, 0], objective="concept", unit="concept", target=0),
        rows("FreeParameters", [100], objective=""),
    ],
    ignore_index=True,
)


def test_a_row_a_method_and_one_for_real_images():
    table = Maco()(TABLE)
    assert table.shown["method"].tolist() == ["MACO", "natural images"]
    ours = table.shown.iloc[0]
    assert ours["plausibility ↓"].startswith("3.00 [2.00, 4.00]")
    assert ours["FID ↓"] == "12.5"
    # One picture is seen by both networks, one by one of two: what it says of itself is apart.
    assert ours["transferability % ↑"].startswith("75 [")
    assert ours["seen by itself % ↑"].startswith("0")
    assert ours["own concept most % ↑"].startswith("75 [")
    assert ours["machine observer % ↑"] == "–"
    assert ours["parameters"] == "100"
    assert table.shown.iloc[1]["FID ↓"] == "–"
    assert "one; two" in table.caption
    assert "4 pictures of concepts" in table.caption


def test_without_pictures():
    with pytest.raises(SparksError, match="study maco"):
        Maco()(rows("Deletion", [1.0]))
