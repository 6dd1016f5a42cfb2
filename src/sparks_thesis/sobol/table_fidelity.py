"""tab-fidelity: Deletion, Insertion and MuFidelity by method and model."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, kendall_tau
from sparks_thesis.common.by_method import caution, images, laid_out, means
from sparks_thesis.common.table import Table

# metric → whether higher is better
METRICS = {"Deletion": False, "Insertion": True, "MuFidelity": True, "PointingGame": True}


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
        rows = scores[scores["metric"].isin(list(METRICS)) & scores["forwards"].isna()]
        if rows.empty:
            raise SparksError("no fidelity score was computed: give the experiment the metrics")
        numbers = means(rows, METRICS, self.bootstrap)
        if published is not None:
            numbers = pd.concat([numbers, _agreement(numbers, published)], ignore_index=True)
        caption = (
            f"Faithfulness of the explanations, mean over images ({images(rows)}) with its "
            f"{self.bootstrap.level:.0%} bootstrap interval.{caution(rows, self.bootstrap.level)} "
            "Deletion and Insertion: area under the probability of the class, among those of the "
            "data set, as pixels are blackened (or put back) in the order of the map; "
            "MuFidelity: rank correlation, over random subsets of cells, of summed importance "
            "and drop of the logit; PointingGame: the map's maximum lies on a true part. The class "
            "explained is the model's own. fel2021sobol's own tables are not available; the rows "
            f"τ give Kendall's rank correlation of our order of methods with {self.source}."
        )
        columns = {m: f"{m} {'↑' if up else '↓'}" for m, up in METRICS.items()}
        return Table(numbers, laid_out(numbers, columns), caption)


def _agreement(numbers: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Compare our order of methods with each published one, metric by metric."""
    theirs = {
        (row["dataset"], row["metric"], row["method"]): float(row["value"])
        for row in published.to_dict("records")
    }
    rows = []
    for (dataset, model, metric), ours in numbers.groupby(["dataset", "model", "metric"]):
        for other in sorted({key[0] for key in theirs if key[1] == metric}):
            common = [m for m in ours["method"] if (other, metric, m) in theirs]
            mine = ours.set_index("method").loc[common, "mean"]
            tau = kendall_tau(mine, [theirs[(other, metric, m)] for m in common])
            names = {"dataset": dataset, "model": model, "method": f"τ, {other}"}
            rows.append(names | {"metric": metric, "mean": tau, "n": len(common)})
    return pd.DataFrame(rows)
