"""tab-craft-truth: are the concepts that a dictionary finds the parts that truly decide?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.concept_figures import by_depth
from sparks_thesis.common.table import Table

# metric → heading, digits
METRICS = {
    "IoU": ("IoU ↑", 2),
    "Purity": ("purity ↑", 2),
    "Coverage": ("coverage ↑", 2),
    "CropsOnPart": ("crops show it ↑", 2),
    "CausalSpearman": ("importance: ρ with causal effect ↑", 2),
    "DiagnosticShare": ("importance on the parts that decide ↑", 2),
}
KEYS = ["dataset", "model", "layer", "method", "importance"]


@dataclass(frozen=True)
class CraftTruth:
    """A row a layer and dictionary, best IoU first.

    Attributes:
        bootstrap: of the means, over the parts that decide (IoU, purity, coverage), or images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores."""
        rows = scores[scores["metric"].isin(list(METRICS))]
        if rows.empty:
            raise SparksError("tab-craft-truth needs a data set whose parts are known: chimera")
        numbers = pd.DataFrame(
            dict(zip([*KEYS, "metric"], names, strict=True))
            | asdict(self.bootstrap.mean(group["value"]))
            for names, group in rows.groupby([*KEYS, "metric"], sort=False)
            if group["value"].notna().any()
        )
        return Table(numbers, self._shown(numbers, scores), self._caption(scores, numbers))

    def _shown(self, numbers: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
        texts = []
        for names, group in numbers.groupby(["dataset", "model", "layer", "method"], sort=False):
            where = dict(zip(("data", "model", "layer", "dictionary"), names, strict=True))
            of = {str(row["metric"]): row for row in group.to_dict("records") if _main(row)}
            cells = {
                heading: _cell(of.get(metric), digits)
                for metric, (heading, digits) in METRICS.items()
            }
            rank = of["IoU"]["mean"] if "IoU" in of else -1.0
            texts.append(where | cells | {"_rank": rank})
            for row in group.to_dict("records"):
                if row["metric"] == "CausalSpearman" and not _main(row):
                    other = {h: "–" for h, _ in METRICS.values()}
                    match = group[(group["metric"] == "DiagnosticShare")]
                    share = match[match["importance"] == row["importance"]].to_dict("records")
                    other[METRICS["CausalSpearman"][0]] = _cell(row, 2)
                    other[METRICS["DiagnosticShare"][0]] = _cell(share[0] if share else None, 2)
                    named = where | {"dictionary": f"{where['dictionary']}, {row['importance']}"}
                    texts.append(named | other | {"_rank": -1.0})
        frame = pd.DataFrame(texts)
        frame = frame[(frame[[h for h, _ in METRICS.values()]] != "–").any(axis=1)]
        order = by_depth(scores, frame["layer"])[::-1]  # the last one first
        depth = {layer: place for place, layer in enumerate(order)}
        keyed = frame.assign(_depth=frame["layer"].map(depth))
        ordered = keyed.sort_values(
            ["data", "model", "_depth", "_rank"], ascending=[True, True, True, False], kind="stable"
        )
        return ordered.drop(columns=["_rank", "_depth"]).reset_index(drop=True)

    def _caption(self, scores: pd.DataFrame, numbers: pd.DataFrame) -> str:
        parts = len(scores[scores["metric"] == "IoU"].drop_duplicates(["target", "part"]))
        images = scores[scores["metric"] == "CausalSpearman"]["image"].nunique()
        effect = scores[scores["metric"] == "DiagnosticEffect"]["value"].mean()
        return (
            "Agreement of concepts with the true parts of synthetic scenes. For each class, each "
            "dictionary's concepts are matched one to one with the two parts that decide it "
            f"({parts} pairs of class and part): intersection over union of the part and of the "
            "pixels above the 95th percentile of the concept's map over all images, the share of "
            "these that lie on the part (purity), and of the part that they cover. “best "
            "possible” is the part itself at the layer's resolution. Crops: of the concept "
            "matched with a part by its maps, the share of the ten crops with the largest "
            "coefficients in which that part is the largest one. “chance”: the maps laid over "
            "other images, and all crops in place of the ten. Importance (GradientInput, or the "
            "method named) is distributed over the parts under a concept's map and correlated "
            f"(rank correlation) with the causal effect of each part in each of {images} images; "
            "the causal effect is the drop of the logit when the image is rendered without the "
            f"part. Of these effects, {effect:.0%} lies on the parts that decide. Neurons: the "
            "channels with the largest variance; Exemplars: activations of the class drawn at "
            "random; Random directions: non-negative ones. Means with "
            f"{self.bootstrap.level:.0%} bootstrap intervals. None of the papers reports such a "
            "table."
        )


def _main(row: Mapping[Any, Any]) -> bool:
    return row["importance"] in ("", "GradientInput")


def _cell(row: Mapping[Any, Any] | None, digits: int) -> str:
    if row is None:
        return "–"
    return shown(Interval(*(row[key] for key in ("mean", "low", "high", "n"))), digits)
