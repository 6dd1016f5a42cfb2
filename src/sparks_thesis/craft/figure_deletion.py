"""fig-craft-deletion: the logit while concepts are deleted or inserted, by ranking and bank."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap
from sparks_thesis.common.style import PAGE, Drawing, mean_line, style

LOOK = {
    "Sobol": ("#0072B2", "-", "o"),
    "Sobol, as published": ("#56B4E9", "--", "s"),
    "TCAV": ("#D55E00", "-", "^"),
    "TCAV, mean derivative": ("#E69F00", "--", "v"),
    "GradientInput": ("#009E73", "-", "D"),
    "Shapley, all subsets": ("#000000", ":", "+"),
    "Random": ("#999999", ":", "x"),
}
NAMES = {"C-Deletion": "C-Deletion ↓", "C-Insertion": "C-Insertion ↑"}


@dataclass(frozen=True)
class CraftDeletion:
    """Mean curves over classes: a column a bank, a line a ranking.

    Attributes:
        bootstrap: of the means, over classes.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        rows = scores[scores["metric"].isin([f"{name} curve" for name in NAMES])]
        if rows.empty:
            raise SparksError("fig-craft-deletion needs curves: no class had enough images")
        sets = list(dict.fromkeys(zip(rows["dataset"], rows["model"], strict=True)))
        banks = list(dict.fromkeys(rows["dictionary"]))
        with style():
            figure, axes = self._canvas(len(NAMES) * len(sets), len(banks))
            for pair, (dataset, model) in enumerate(sets):
                here = rows[(rows["dataset"] == dataset) & (rows["model"] == model)]
                for line, (metric, title) in enumerate(NAMES.items()):
                    for column, bank in enumerate(banks):
                        axis = axes[2 * pair + line, column]
                        chosen = here[
                            (here["metric"] == f"{metric} curve") & (here["dictionary"] == bank)
                        ]
                        self._lines(axis, chosen)
                        axis.set_title(f"{bank} bank, {title}")
                    axes[2 * pair + line, 0].set_ylabel(f"logit, {dataset}")
            for axis in axes[-1]:
                axis.set_xlabel("concepts deleted or inserted")
            handles, labels = axes[0, 0].get_legend_handles_labels()
            figure.legend(handles, labels, ncols=3, loc="outside upper center", frameon=False)
        return Drawing(figure, self._caption(scores))

    @staticmethod
    def _canvas(rows: int, columns: int) -> tuple[Any, Any]:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(PAGE, 1.75 * rows + 0.6), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False, sharex=True)

    def _lines(self, axis: Any, rows: pd.DataFrame) -> None:
        for method, (colour, dashes, marker) in LOOK.items():
            mean_line(
                axis, rows[rows["method"] == method], "concepts", self.bootstrap, color=colour,
                ls=dashes, marker=marker, ms=2.5, lw=1.1, label=method,
            )  # fmt: skip

    def _caption(self, scores: pd.DataFrame) -> str:
        areas = scores[scores["metric"].isin(list(NAMES)) & (scores["dictionary"] == "NMF")]
        mean = areas.groupby(["metric", "method"])["value"].mean()
        details = "; ".join(
            f"{metric} {mean[metric, 'Sobol']:.2f} by Sobol against {mean[metric, 'TCAV']:.2f} by "
            "TCAV"
            for metric in NAMES
            if (metric, "Sobol") in mean and (metric, "TCAV") in mean
        )
        images = areas["image"].nunique()
        return (
            "The class's logit while the concepts of the last layer are set to zero (C-Deletion) "
            "or added (C-Insertion), the most important one first. One order per class; mean over "
            f"classes with {self.bootstrap.level:.0%} bootstrap intervals ({images} test images). "
            "Bank: the dictionary that the concepts come from. TCAV ranks concepts by the share of "
            "images whose logit grows along the concept; the paper does not state its "
            "variant, so the mean derivative is included as well. Shapley: by the Shapley "
            "values of all subsets of concepts. Random: mean of a random order and its reverse. "
            "NMF "
            f"bank, mean area over images: {details}. The paper's figure 6 has "
            "curves for more than 100,000 images of ImageNet but no numbers."
        )
