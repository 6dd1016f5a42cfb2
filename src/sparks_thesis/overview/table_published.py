"""tab-published: every published number that has one of ours to stand beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.results import COLUMNS as OF_RESULTS
from sparks.stability.scores import METRICS as OF_FOLDS
from sparks.stats import Bootstrap, kendall_tau
from sparks_thesis.common.labels import condition as labelled
from sparks_thesis.common.table import Table
from sparks_thesis.harmonization.tables import of_networks
from sparks_thesis.stability.scored import Scored
from sparks_thesis.utility.scored import Scored as Utility

# What identifies a number of ours: columns of results, and their settings in the papers' words.
KEYS = (*(name for name in OF_RESULTS if name not in ("experiment", "value")), "condition")
TABLE = ["paper", "item", "metric", "their_dataset", "their_model", "dataset", "model"]
COLUMNS = [*TABLE, "condition", "method", "unit", "published", "ours", "provenance"]
SHOWN = ["paper", "item", "metric", "condition", "theirs", "ours", "published → ours", "τ (n)"]
UNITS = {"%": 100.0, "kB": 1e-3}  # what our numbers (shares, bytes) are multiplied by


@dataclass(frozen=True)
class Comparison:
    """Pairing of published numbers with ours.

    Attributes:
        theirs: column of the published table → value; rows that have all of them are compared.
        ours: column of our results → the value to look for there; the columns `method`, `metric`
            and `condition` (`sparks_thesis.common.labels`) are as published where they are not
            given; null: any value.
        experiment: whose scores ours are among.
    """

    experiment: str
    theirs: Mapping[str, str]
    ours: Mapping[str, Any]

    def rows(self, published: pd.DataFrame) -> pd.DataFrame:
        """Return the published rows that are compared."""
        chosen = pd.Series(True, index=published.index)
        for column, value in self.theirs.items():
            chosen &= published[column].astype(str) == str(value)
        return published[chosen]

    def key(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the key of our row for a published one; undegraded networks have condition ""."""
        condition = "" if row.get("percent") == 0 else row["condition"]
        values = {"method": row["method"], "metric": row["metric"], "condition": condition}
        return {column: v for column, v in {**values, **self.ours}.items() if v is not None}


@dataclass(frozen=True)
class Published:
    """A row for each line of a paper's table: published → ours by method, and the orders compared.

    Attributes:
        comparisons: which numbers stand beside which, settings of `Comparison`.
        bootstrap: passed on to the scores of folds and to Utility; no interval is shown.
    """

    comparisons: Sequence[Mapping[str, Any]]
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame) -> Table:
        """Make the table from the tidy scores of all experiments that were run.

        Raises:
            SparksError: a comparison names a column that is none.
        """
        text = published.fillna({"condition": "", "method": "", "model": "", "dataset": ""})
        ours = _Ours(scores, self.bootstrap)
        found: list[dict[str, Any]] = []
        for comparison in (Comparison(**c) for c in self.comparisons):
            if unknown := sorted(set(comparison.ours) - set(KEYS)):
                raise SparksError(f"tab-published: {unknown[0]!r} is no column; {', '.join(KEYS)}")
            found += [
                self._row(row, comparison, ours) for row in comparison.rows(text).to_dict("records")
            ]
        numbers = pd.DataFrame(found, columns=COLUMNS).dropna(subset="ours")
        numbers = numbers.drop_duplicates(ignore_index=True)
        taus = {
            names: (kendall_tau(group["published"], group["ours"]), len(group))
            for names, group in numbers.groupby(TABLE, sort=False)
        }
        return Table(numbers, _shown(numbers, taus), _caption(numbers, len(published)))

    @staticmethod
    def _row(row: Mapping[Any, Any], comparison: Comparison, ours: _Ours) -> dict[str, Any]:
        key = comparison.key(row)
        value = ours.value(comparison.experiment, key) * UNITS.get(str(row["unit"]), 1.0)
        return {
            "paper": row["paper"], "item": row["item"], "metric": row["metric"],
            "their_dataset": row["dataset"], "their_model": row["model"],
            "dataset": key.get("dataset", ""), "model": key.get("model", ""),
            "condition": row["condition"], "method": row["method"],
            "unit": row["unit"] if isinstance(row["unit"], str) else "",
            "published": float(row["value"]), "ours": value, "provenance": row["provenance"],
        }  # fmt: skip


class _Ours:
    """Our numbers, by experiment and key: means over images and seeds, and scores of folds."""

    def __init__(self, scores: pd.DataFrame, bootstrap: Bootstrap) -> None:
        self.tables = {
            str(name): _completed(rows.assign(condition=labelled(rows)), bootstrap)
            for name, rows in scores.groupby("experiment")
        }
        self.bootstrap = bootstrap
        self.folds: dict[str, Scored] = {}

    def value(self, experiment: str, key: Mapping[str, Any]) -> float:
        """Return the number; NaN where this run has none."""
        table = self.tables.get(experiment)
        if table is None:
            return float("nan")
        if key["metric"] in OF_FOLDS:
            return self._of_folds(experiment, table, key)
        chosen = pd.Series(True, index=table.index)
        for column, value in key.items():
            chosen &= (table[column] == value).fillna(False).astype(bool)
        return float(table.loc[chosen, "value"].mean())

    def _of_folds(self, experiment: str, table: pd.DataFrame, key: Mapping[str, Any]) -> float:
        scored = self.folds.setdefault(experiment, Scored(table, self.bootstrap))
        if (key["dataset"], key["model"]) not in scored.images:
            return float("nan")
        names = ("dataset", "model", "condition", "method", "metric")
        return scored.estimate(*(str(key[name]) for name in names)).interval().mean


def _completed(rows: pd.DataFrame, bootstrap: Bootstrap) -> pd.DataFrame:
    """Add what papers print and our scores only imply: alignment, Utility and its statistics."""
    if (rows["metric"] == "MetaPredictorAccuracy").any():
        return pd.concat([rows, Utility(rows, bootstrap).as_published], ignore_index=True)
    return _aligned(rows)


def _aligned(rows: pd.DataFrame) -> pd.DataFrame:
    """Add alignment, the correlation over its human ceiling, where networks were harmonized."""
    if rows["harmonizer_weight"].isna().all() or "Spearman" not in set(rows["metric"]):
        return rows
    scored = of_networks(rows)
    scored = scored[scored["metric"] == "Alignment"].assign(method="Saliency")
    scored["condition"] = scored["setting"]
    return pd.concat([rows, scored[[c for c in rows if c in scored]]], ignore_index=True)


def _shown(numbers: pd.DataFrame, taus: Mapping[Any, tuple[float, int]]) -> pd.DataFrame:
    """Lay out a line a row of a paper's table; τ on the first line of each table."""
    texts, counted = [], set()
    for names, group in numbers.groupby([*TABLE, "condition"], sort=False):
        table = names[:-1]
        tau, n = taus[table]
        first = table not in counted and tau == tau
        counted.add(table)
        known = dict(zip([*TABLE, "condition"], map(str, names), strict=True))
        texts.append({
            "paper": known["paper"], "item": known["item"],
            "metric": " ".join(filter(None, [known["metric"], str(group["unit"].iloc[0])])),
            "condition": known["condition"] or "–",
            "theirs": _pair(known["their_dataset"], known["their_model"]),
            "ours": _pair(known["dataset"], known["model"]),
            "published → ours": "; ".join(map(_cell, group.to_dict("records"))),
            "τ (n)": f"{tau:+.2f} ({n})" if first else "",
        })  # fmt: skip
    return pd.DataFrame(texts, columns=SHOWN)


def _pair(dataset: str, model: str) -> str:
    return ", ".join(filter(None, [dataset, model]))


def _cell(row: Mapping[Any, Any]) -> str:
    return f"{row['method']} {row['published']:.3g} → {row['ours']:.3g}".strip()


def _caption(numbers: pd.DataFrame, published: int) -> str:
    return (
        f"Published numbers beside ours: {len(numbers)} of the {published} known ones, those with "
        "a counterpart in this run. Data and networks differ (theirs, ours), so orders can be "
        "compared but values cannot: τ is Kendall's rank correlation with ours over all n numbers "
        "of the table, given on its first line. A mean over images and seeds is ours; intervals "
        "are in the tables of each chapter. Seconds are left out: see tab-eva and tab-cost. No "
        "table value of fel2021sobol, novello2022hsic, fel2023holistic and fel2023maco is "
        "available."
    )
