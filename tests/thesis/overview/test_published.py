"""tab-published: numbers joined by name, orders compared."""

import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks_thesis.overview.table_published import Published

THEIRS = "paper,item,dataset,model,condition,method,metric,value,unit,direction,provenance,note"


def published(*lines: str) -> pd.DataFrame:
    rows = [line.split(",") for line in lines]
    table = pd.DataFrame(rows, columns=THEIRS.split(","))
    percent = table["condition"].map({"weights randomised 0%": 0.0})
    return table.assign(value=table["value"].astype(float), percent=percent)


def scores(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    """Results of (method, metric, bound, value), each on its own image."""
    base = {"experiment": "eva", "dataset": "digits", "model": "mlp", "seed": 0}
    table = [
        base | {"method": m, "metric": k, "bound": b, "image": i, "value": v}
        for i, (m, k, b, v) in enumerate(rows)
    ]
    return as_results(pd.DataFrame(table))


EVA = {
    "experiment": "eva",
    "theirs": {"paper": "p", "dataset": "MNIST"},
    "ours": {"dataset": "digits", "model": "mlp"},
}
TABLE = published(
    "p,T1,MNIST,net,,A,Deletion,.1,,lower,printed,",
    "p,T1,MNIST,net,,B,Deletion,.2,,lower,printed,",
    "p,T1,MNIST,net,,C,Deletion,.3,,lower,printed,",
    "p,T1,CIFAR-10,net,,C,Deletion,.9,,lower,printed,",
)


def test_numbers_stand_beside_the_mean_over_images_of_the_same_name() -> None:
    ours = scores(
        ("A", "Deletion", "", 0.5), ("A", "Deletion", "", 0.7), ("B", "Deletion", "", 0.1),
        ("C", "Deletion", "", 0.9), ("C", "Deletion", "IBP", 9.0), ("A", "Insertion", "", 3),
    )  # fmt: skip
    table = Published([EVA])(ours, TABLE)
    found = table.numbers.set_index("method")["ours"].to_dict()
    assert found == pytest.approx({"A": 0.6, "B": 0.1, "C": 0.9})
    assert (table.numbers["their_dataset"] == "MNIST").all()
    # Published A < B < C, ours B < A < C: two of three pairs agree, τ = (2 - 1) / 3.
    assert table.shown["τ (n)"].tolist() == ["+0.33 (3)"]
    assert "3 of the 4" in table.caption


def test_units_conditions_and_names_of_ours() -> None:
    ours = scores(("", "Right", "IBP", 0.75), ("A", "Size", "", 2000.0), ("A", "X", "", 0.25))
    theirs = published(
        "p,T,D,net,,,Accuracy,88,%,higher,printed,",
        "p,T,D,net,,A,JPEG,9,kB,lower,printed,",
        "p,T,D,net,weights randomised 0%,A,X,.5,,higher,printed,",
        "p,T,D,net,weights randomised 5%,A,X,.4,,higher,printed,",
    )
    place = {"dataset": "digits", "model": "mlp"}
    table = Published(
        [
            EVA | {"theirs": {"metric": "Accuracy"},
                   "ours": place | {"metric": "Right", "condition": "bounds IBP"}},
            EVA | {"theirs": {"metric": "JPEG"}, "ours": place | {"metric": "Size"}},
            EVA | {"theirs": {"metric": "X"}, "ours": place},
        ]
    )(ours, theirs)  # fmt: skip
    assert table.numbers["ours"].tolist() == pytest.approx([75, 2, 0.25])
    assert table.shown["τ (n)"].tolist() == ["", "", ""]


def test_what_was_not_run_is_left_out_and_an_unknown_column_is_refused() -> None:
    none = Published([EVA | {"experiment": "craft"}])(scores(("A", "Deletion", "", 1.0)), TABLE)
    assert none.numbers.empty
    assert "0 of the 4" in none.caption
    assert none.markdown().startswith("| paper |")
    wrong = EVA | {"ours": {"methods": "A"}}
    with pytest.raises(SparksError, match="'methods' is no column"):
        Published([wrong])(scores(("A", "Deletion", "", 1.0)), TABLE)
