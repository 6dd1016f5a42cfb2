"""tab-fidelity: Deletion, Insertion and MuFidelity by method and model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import pandas as pd

from sparks.errors import SparksError
from sparks.statistics import Bootstrap, Interval, kendall_tau
from sparks.tables.table import INTERVAL, Table, pivot, shown

# metric → whether higher is better
METRICS = {"Deletion": False, "Insertion": True, "MuFidelity": True, "PointingGame": True}
ARROW = {True: "↑", False: "↓"}


@dataclass(frozen=True)
class Fidelity:
    """Mean of every metric over images, with its interval, beside a published order.

    Attributes:
        bootstrap: of the means, over images.
        source: what to call the published table in the caption.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    source: str = ""

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame | None = None) -> Table:
        """Make the table.

        Args:
            scores: an experiment's tidy scores.
            published: rows of a published table (columns as in config/published), whose order of
                methods is compared with ours by Kendall's τ.
        """
        rows = scores[scores["metric"].isin(list(METRICS))]
        if rows.empty:
            raise SparksError("no fidelity score was computed: give the experiment the metrics")
        numbers = self._means(rows)
        text = pivot(
            numbers.replace({"metric": {m: f"{m} {ARROW[up]}" for m, up in METRICS.items()}}),
            ["dataset", "model", "method"],
            "metric",
            lambda record: shown(Interval(**{key: record[key] for key in INTERVAL})),
            [f"{m} {ARROW[up]}" for m, up in METRICS.items()],
        )
        images = rows.groupby("dataset")["image"].nunique()
        caption = (
            "Faithfulness of the explanations, mean over images with its "
            f"{self.bootstrap.level:.0%} bootstrap interval ("
            + ", ".join(f"{n} images of {name}" for name, n in images.items())
            + "). Deletion and Insertion: area under the class probability as pixels are blackened "
            "(or revealed) in the order of the map. The class explained is the model's own. "
        )
        return Table(numbers, text, caption + self._comparison(numbers, published))

    def _means(self, rows: pd.DataFrame) -> pd.DataFrame:
        keys = ["dataset", "model", "method", "metric"]
        means = [
            dict(zip(keys, names, strict=True)) | asdict(self.bootstrap.mean(group["value"]))
            for names, group in rows.groupby(keys)
        ]
        order = {metric: place for place, metric in enumerate(METRICS)}
        table = pd.DataFrame(means)
        # Best Deletion first, the controls wherever they fall.
        rank = table[table["metric"] == "Deletion"].set_index(keys[:3])["mean"]
        table["_rank"] = [rank.get(tuple(row), 0.0) for row in table[keys[:3]].to_numpy()]
        table["_metric"] = table["metric"].map(order)
        return table.sort_values(
            ["dataset", "model", "_rank", "method", "_metric"], ignore_index=True
        ).drop(columns=["_rank", "_metric"])

    def _comparison(self, numbers: pd.DataFrame, published: pd.DataFrame | None) -> str:
        """Say how our order of methods goes with the published one."""
        if published is None:
            return "fel2021sobol's own tables are not available to compare with."
        parts = []
        theirs = {
            (row["dataset"], row["metric"], row["method"]): float(row["value"])
            for row in published.to_dict("records")
        }
        for (dataset, model, metric), ours in numbers.groupby(["dataset", "model", "metric"]):
            for other in sorted({key[0] for key in theirs if key[1] == metric}):
                common = [m for m in ours["method"] if (other, metric, m) in theirs]
                if len(common) < 3:
                    continue
                mine = ours.set_index("method").loc[common, "mean"]
                tau = kendall_tau(mine, [theirs[(other, metric, m)] for m in common])
                parts.append(f"{metric} {model}/{dataset} with {other} τ = {tau:+.2f}")
        return f"Order of the methods beside {self.source}: {'; '.join(parts)}." if parts else ""
