"""tab-maps: what maps are like, whatever they say: stable, simple, sparse."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sparks.errors import SparksError
from sparks_thesis.common.averaged import Averaged
from sparks_thesis.common.by_method import caution, images, laid_out, means
from sparks_thesis.common.table import Table

# metric → its heading; none is better high or low by itself, so none has an arrow but stability
COLUMNS = {
    "AverageStability": "AverageStability ↓",
    "Entropy": "entropy, nats",
    "JPEGSize": "JPEG, bytes",
    "Gini": "Gini",
    "Hoyer": "Hoyer",
    "InsertionMinusDeletion": "Insertion − Deletion ↑",
}
DIGITS = {"Entropy": 2, "JPEGSize": 0}


@dataclass(frozen=True)
class Maps(Averaged):
    """Mean of stability, complexity and sparseness over images, with intervals."""

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores."""
        usual = scores[scores["forwards"].isna()]
        rows = pd.concat([usual[usual["metric"].isin(list(COLUMNS))], _differences(usual)])
        if rows.empty:
            raise SparksError(
                "no property of maps was measured: give the experiment the metrics "
                "stability and complexity"
            )
        numbers = means(rows, dict.fromkeys(COLUMNS, False), self.bootstrap)
        stability = rows[rows["metric"] == "AverageStability"]
        counted = f"AverageStability: {images(stability) or 'none'}"
        caption = (
            f"Properties of the maps, mean over images ({images(rows)}; {counted}) with its "
            f"{self.bootstrap.level:.0%} bootstrap interval; the most stable "
            f"first.{caution(rows, self.bootstrap.level)} AverageStability: distance of the maps "
            "of an image and of its noisy copies, over the map's length (0: the map does not "
            "depend on the image; –: not measured, since it explains every image several times). "
            "Entropy of the normalised map and its size as JPEG: complexity. Gini and Hoyer: "
            "sparseness, 1 where one pixel holds everything. Insertion − Deletion: their areas' "
            "difference. No published table has these."
        )
        return Table(numbers, laid_out(numbers, COLUMNS, DIGITS), caption)


def _differences(scores: pd.DataFrame) -> pd.DataFrame:
    """Return Insertion minus Deletion of each map whose areas are both known."""
    areas = scores[scores["metric"].isin(["Insertion", "Deletion"])]
    wide = areas.pivot_table(
        index=["dataset", "model", "seed", "method", "image"], columns="metric", values="value"
    ).reindex(columns=["Insertion", "Deletion"])
    differences = (wide["Insertion"] - wide["Deletion"]).dropna()
    return differences.reset_index(name="value").assign(metric="InsertionMinusDeletion")
