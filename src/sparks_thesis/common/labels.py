"""The settings of results in the words of published tables: "session 2", "bounds IBP", "top 5%"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

# Column → how its content is written. What applies to a row is joined by a comma.
FORMS = {
    "split": "{}",
    "reduction": "{}",
    "revealed": "{:g}",
    "baseline": "{}",
    "distance": "{}",
    "top": "top {:g}%",
    "t": "t = {:g}",
    "session": "session {}",
    "forwards": "{} forwards",
    "attack_steps": "attack of {} steps",
    "epsilon": "epsilon {:g}",
    "bound": "bounds {}",
}


def condition(rows: pd.DataFrame) -> pd.Series:
    """Write the settings of each row as published tables name them; "" where none applies."""
    columns = [*FORMS, "degradation", "percent"]
    keys = rows[columns].drop_duplicates()
    words = {tuple(key): _words(dict(zip(columns, key, strict=True))) for key in _keys(keys)}
    return pd.Series([words[tuple(key)] for key in _keys(rows[columns])], rows.index, dtype=object)


def degraded(degradation: str, percent: int) -> str:
    """Name a degradation of networks; "" for none."""
    return f"{degradation} {percent}%" if degradation else ""


def _keys(rows: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(rows.astype(object).where(rows.notna(), "").itertuples(index=False, name=None))


def _words(row: Mapping[str, Any]) -> str:
    words = [form.format(row[column]) for column, form in FORMS.items() if row[column] != ""]
    words.append(degraded(row["degradation"], row["percent"]))
    return ", ".join(filter(None, words))
