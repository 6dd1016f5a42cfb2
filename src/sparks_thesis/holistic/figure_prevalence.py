"""fig-prevalence: how often a concept decides, how reliably, and how much it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.stats import proportion
from sparks_thesis.common.concept_figures import runs_in_order
from sparks_thesis.common.style import PAGE, Drawing, style
from sparks_thesis.holistic.claims import STRATEGIES


@dataclass(frozen=True)
class Prevalence:
    """Concepts of all classes as points: one row a data set and model.

    Attributes:
        datasets: in the order of the rows.
    """

    datasets: Sequence[str] = ()

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        rows = scores[scores["metric"].isin(STRATEGIES)]
        if rows.empty:
            raise SparksError("fig-prevalence needs classes with images")
        runs = runs_in_order(rows, self.datasets)
        details = []
        with style():
            from matplotlib.figure import Figure

            figure: Any = Figure(figsize=(PAGE, 2.3 * len(runs) + 0.1), layout="constrained")
            axes = figure.subplots(len(runs), 2, squeeze=False)
            for pair, (dataset, model, group) in zip(axes, runs, strict=True):
                wide = group.pivot_table(
                    index=["class_name", "concept"], columns="metric", values="value", dropna=False
                )
                seen = wide[wide["Dominated"] > 0]
                pair[0].errorbar(
                    seen["Prevalence"], seen["Reliability"], yerr=_ends(seen), fmt="o", ms=3.5,
                    color="#0072B2", alpha=0.6, elinewidth=0.7,
                )  # fmt: skip
                pair[0].set(xlabel="prevalence", ylabel="reliability", ylim=(-0.05, 1.05))
                pair[0].set_title(f"{model} on {dataset}")
                pair[1].scatter(
                    wide["Prevalence"], wide["GlobalImportance"], s=8, color="#D55E00", alpha=0.6,
                    linewidths=0,
                )  # fmt: skip
                end = float(wide[["Prevalence", "GlobalImportance"]].max().max())
                pair[1].plot([0, end], [0, end], color="k", lw=0.6)
                pair[1].set(xlabel="prevalence", ylabel="global importance")
                wrong = (seen["Reliability"] < 1).mean()
                details.append(f"{wrong:.0%} of them below 1 for {model} on {dataset}")
        caption = (
            "Concepts of all classes. Left: prevalence (share of the class's test images that a "
            "concept dominates) and reliability (accuracy on these images, with Wilson's 95% "
            "interval) of each concept that dominates at least one image "
            f"({'; '.join(details)}). Right: prevalence and global importance (mean share of the "
            "positive contributions to the logit); on the line they are equal. Where a model makes "
            "no mistake, reliability is 1 for every concept and uninformative. The paper shows "
            "such a figure for espresso."
        )
        return Drawing(figure, caption)


def _ends(concepts: pd.DataFrame) -> Any:
    """Return the lengths of each reliability's error bar downwards and upwards, (2, concepts)."""
    ends = []
    for reliability, images in zip(concepts["Reliability"], concepts["Dominated"], strict=True):
        right = np.arange(round(images)) < round(reliability * images)
        interval = proportion(right)
        ends.append((interval.mean - interval.low, interval.high - interval.mean))
    return np.clip(np.array(ends).reshape(-1, 2).T, 0, None)
