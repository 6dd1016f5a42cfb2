"""tab-peers: metrics of other papers, beside those of the thesis."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sparks.errors import SparksError
from sparks_thesis.common.averaged import Averaged
from sparks_thesis.common.by_method import caution, images, laid_out, means
from sparks_thesis.common.table import Table

# metric → its heading; an arrow says which way is better
COLUMNS = {
    "ROAD": "ROAD ↑",
    "Infidelity": "infidelity ↓",
    "SensitivityN": "sensitivity-n ↑",
    "ModelRandomisation": "randomised weights → 0",
    "ModelRandomisationHead": "randomised head → 0",
    "MaxSensitivity": "max-sensitivity ↓",
    "RelevanceMass": "relevance mass ↑",
    "RelevanceRank": "relevance rank ↑",
    "PointingChance": "area of the parts",
}


@dataclass(frozen=True)
class Peers(Averaged):
    """Mean of each metric over images, with intervals."""

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores."""
        usual = scores[scores["forwards"].isna()]
        rows = usual[usual["metric"].isin(list(COLUMNS))]
        if rows.empty:
            raise SparksError(
                "none of these metrics was measured: give the experiment the metrics "
                "faithfulness, sanity or localisation"
            )
        measured = {name: head for name, head in COLUMNS.items() if name in set(rows["metric"])}
        higher = {name: "↑" in head for name, head in measured.items()}
        numbers = means(rows, higher, self.bootstrap)
        caption = (
            f"Metrics of other papers, mean over images ({images(rows)}) with its "
            f"{self.bootstrap.level:.0%} bootstrap interval, the best by the first column first."
            f"{caution(rows, self.bootstrap.level)} ROAD: probability without the least important "
            "pixels less that without as many of the most important, which are imputed from their "
            "neighbours (0 for random maps). Infidelity: squared error of summed importance as a "
            "prediction of the drop, over that of predicting none (1 is no better). Sensitivity-n: "
            "Pearson's correlation of the two, over sizes of subsets. Randomised weights, head: "
            "rank correlation with the map of the network whose weights, or whose last layer's, "
            "are drawn anew (1: the map does not depend on them). Max-sensitivity: largest change "
            "of the map among noisy copies of the image, over its length. Relevance mass, rank: "
            "share of the positive values, and of as many of the largest as the parts have "
            "pixels, on parts that decide; random maps reach the parts' area."
        )
        return Table(numbers, laid_out(numbers, measured), caption)
