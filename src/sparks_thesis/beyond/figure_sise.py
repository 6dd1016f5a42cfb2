"""fig-sise: SISE beside the methods that it is made of."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Interval, shown
from sparks_thesis.common.averaged import Averaged
from sparks_thesis.common.by_method import dots, per_image
from sparks_thesis.common.methods import in_order
from sparks_thesis.common.style import PAGE, Drawing, style

# Metric → heading; whether the best is high.
METRICS = {
    "PointingGame": "pointing game ↑",
    "RelevanceRank": "relevance rank ↑",
    "Deletion": "Deletion ↓",
    "Insertion": "Insertion ↑",
}
LOCAL = ("PointingGame", "RelevanceRank")  # random maps reach the parts' area, the parts 1


@dataclass(frozen=True)
class Beside(Averaged):
    """Localisation and faithfulness of a few methods; one data set and model."""

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        from matplotlib.figure import Figure

        rows = scores[(scores["metric"].isin(list(METRICS))) & scores["layer"].eq("")]
        rows = rows[rows["method"].isin(rows[rows["metric"] == "Deletion"]["method"])]
        if not (rows["method"] == "SISE").any():
            raise SparksError("fig-sise needs maps of sise, scored by fidelity and localisation")
        dataset, model = rows[rows["method"] == "SISE"][["dataset", "model"]].min()
        rows = rows[(rows["dataset"] == dataset) & (rows["model"] == model)]
        methods = in_order(rows["method"].unique())
        areas = scores[(scores["metric"] == "PointingChance") & (scores["dataset"] == dataset)]
        chance = float(areas[areas["method"].isin(methods)]["value"].mean())
        found = {metric: self._means(rows, metric, methods) for metric in METRICS}
        with style():
            figure = Figure(figsize=(PAGE, 1.9), layout="constrained")
            for axis, (metric, title) in zip(
                figure.subplots(1, len(METRICS)), METRICS.items(), strict=True
            ):
                ends = (chance, 1.0) if metric in LOCAL else (None, None)
                dots(axis, found[metric], *ends)
                axis.set_title(title)
                if metric != next(iter(METRICS)):
                    axis.set_yticklabels([])
        return Drawing(figure, self._caption(rows, str(dataset), str(model), found))

    def _means(self, rows: pd.DataFrame, metric: str, methods: list[str]) -> dict[str, Interval]:
        return {name: self.bootstrap.mean(per_image(rows, metric, name)) for name in methods}

    def _caption(
        self, rows: pd.DataFrame, dataset: str, model: str, found: dict[str, dict[str, Interval]]
    ) -> str:
        numbers = "; ".join(
            f"{title} {shown(found[metric]['SISE'], 2)}" for metric, title in METRICS.items()
        )
        return (
            f"SISE (masks made of the feature maps of every resolution) on {dataset}, {model}, "
            "beside methods that use one layer (Grad-CAM, ScoreCAM), random masks (RISE) or the "
            "gradient, and random maps. Pointing game: the maximum lies on a part that decides; "
            "relevance rank: share of as many of the largest values as these parts have pixels; "
            "dashed: the parts' area, dotted: what the parts themselves reach. Mean over "
            f"{rows['image'].nunique()} images, of each over networks of "
            f"{rows['seed'].nunique()} seeds, with {self.bootstrap.level:.0%} bootstrap intervals. "
            f"SISE: {numbers}. The method is sattarzadeh2021sise's; the images, "
            "the controls and the numbers are ours."
        )
