"""tab-stability-lipschitz: MeGe and ReCo of several networks, one column each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.methods import in_order
from sparks_thesis.common.table import Table
from sparks_thesis.stability.scored import Scored
from sparks_thesis.stability.tables import accuracies

METRICS = ("MeGe", "ReCo")


@dataclass(frozen=True)
class StabilityLipschitz:
    """A row a data set and method, two columns a network; a network not run says so.

    Attributes:
        models: name of the model → heading of its columns.
        published_as: published model → name of ours in whose columns it is shown.
        tolerance: as in `sparks_thesis.stability.tables.Stability`.
        bootstrap: over images within folds.
    """

    models: Mapping[str, str]
    published_as: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 0.03
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame | None = None) -> Table:
        """Make the table from an experiment's tidy scores and the paper's tables 2 and 3."""
        scored = Scored(scores, self.bootstrap)
        run = [key for key in scored.images if key[1] in self.models]
        if not run:
            raise SparksError(f"none of {list(self.models)} was trained on folds")
        datasets = list(dict.fromkeys(dataset for dataset, _ in run))
        numbers = [
            {"dataset": dataset, "model": model, "method": method, "metric": metric}
            | asdict(scored.estimate(dataset, model, "", method, metric).interval())
            for dataset, model in run
            for method in scored.methods(dataset, model)
            for metric in METRICS
        ]
        if published is not None:
            theirs = published[published["metric"].isin(METRICS)]
            numbers += [
                {"dataset": f"{row['dataset']} (published)", "mean": row["value"]}
                | {key: row[key] for key in ("model", "method", "metric")}
                for row in theirs.to_dict("records")
            ]
        table = pd.DataFrame(numbers)
        missing = [h for model, h in self.models.items() if model not in {m for _, m in run}]
        return Table(table, self._shown(table, datasets), self._caption(scored, scores, missing))

    def _shown(self, table: pd.DataFrame, datasets: list[str]) -> pd.DataFrame:
        """Lay out a row a data set and method, two columns a network; published rows below."""
        texts = []
        for dataset, rows in table.groupby("dataset", sort=False):
            absent = "not run" if dataset in datasets else "–"
            cells = {
                (self.published_as.get(r["model"], r["model"]), r["metric"], r["method"]): r
                for r in rows.to_dict("records")
            }
            for method in in_order(rows["method"]):
                text = {"dataset": str(dataset), "method": method}
                for model, heading in self.models.items():
                    for metric in METRICS:
                        row = cells.get((model, metric, method))
                        text[f"{heading}: {metric} ↑"] = _cell(row, absent)
                texts.append(text)
        return pd.DataFrame(texts)

    def _caption(self, scored: Scored, scores: pd.DataFrame, missing: list[str]) -> str:
        details = f" Not run: {', '.join(missing)}." if missing else ""
        mine = scores[scores["model"].isin(list(self.models))]
        return (
            "MeGe and ReCo of undegraded networks of several kinds, as the paper's tables compute "
            f"them, with {self.bootstrap.level:.0%} bootstrap intervals over images within folds. "
            "The paper compares ResNet18 with a 1-Lipschitz network of another architecture; the "
            "unconstrained baseline has that architecture without the constraint, which separates "
            f"the two effects.{details} {accuracies(mine, self.tolerance)}{scored.undefined('')}"
        )


def _cell(row: Mapping[Hashable, Any] | None, absent: str) -> str:
    if row is None:
        return absent
    return shown(Interval(row["mean"], row["low"], row["high"], 0), 2)
