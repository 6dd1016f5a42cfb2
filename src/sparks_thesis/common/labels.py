"""The settings of results in the words of published tables: "session 2", "bounds IBP", "top 5%"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
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
    number = rows.groupby(columns, dropna=False, sort=False).ngroup()
    each = rows.loc[~number.duplicated().to_numpy(), columns].astype(object)
    filled = each.where(each.notna(), "")
    words = [_words(dict(zip(columns, row, strict=True))) for row in filled.to_numpy().tolist()]
    return pd.Series(np.array(words, dtype=object)[number.to_numpy()], rows.index, dtype=object)


def degraded(degradation: str, percent: int | str) -> str:
    """Name a degradation of networks with its share, where it has one; "" for none."""
    return f"{degradation} {percent}%" if percent != "" else degradation


def _words(row: Mapping[str, Any]) -> str:
    words = [form.format(row[column]) for column, form in FORMS.items() if row[column] != ""]
    words.append(degraded(row["degradation"], row["percent"]))
    return ", ".join(filter(None, words))
