"""The runs in a table of scores: one model on one data set each."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

RUN = ["dataset", "model"]


def runs(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield ("model on dataset", its rows) in the order of their first rows."""
    for (dataset, model), group in rows.groupby(RUN, sort=False):
        yield f"{model} on {dataset}", group


def of_run(table: pd.DataFrame, where: str) -> pd.Series:
    """Say of each row whether it is of the run "model on dataset"."""
    return (table["model"] + " on " + table["dataset"]) == where
