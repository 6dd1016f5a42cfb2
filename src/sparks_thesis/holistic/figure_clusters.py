"""fig-clusters: the strategies by which a model recognises a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.plots.axes import COLOURS, bare
from sparks_thesis.common.concept_figures import runs_in_order
from sparks_thesis.common.style import PAGE, Drawing, style


@dataclass(frozen=True)
class Clusters:
    """Images of a class as points, near where the same concepts contribute.

    Attributes:
        classes: shown.
        datasets: in the order in which the one shown is chosen.
    """

    classes: int = 8
    datasets: Sequence[str] = ()

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        rows = scores[scores["metric"].isin(["ClusterX", "ClusterY", "Dominant", "Correct"])]
        if rows.empty:
            raise SparksError("fig-clusters needs classes with images")
        dataset, model, rows = runs_in_order(rows, self.datasets)[0]
        names = list(dict.fromkeys(rows["class_name"]))[: self.classes]
        columns = min(4, len(names))
        lines = -(-len(names) // columns)
        with style():
            from matplotlib.figure import Figure

            width = PAGE * columns / 4
            figure: Any = Figure(figsize=(width, 1.9 * lines + 0.1), layout="constrained")
            axes = list(figure.subplots(lines, columns, squeeze=False).flat)
            for axis in axes:
                axis.set_visible(False)
            for axis, name in zip(axes, names, strict=False):
                axis.set_visible(True)
                self._cloud(axis, rows[rows["class_name"] == name], name)
        strategies = scores[(scores["metric"] == "Dominated") & (scores["dataset"] == dataset)]
        counts = strategies[strategies["value"] >= 10].groupby("class_name").size()
        every = [int(counts.get(name, 0)) for name in dict.fromkeys(strategies["class_name"])]
        caption = (
            f"Strategies of {model} on {dataset}: each point is a test image of the class, placed "
            "by t-SNE of the contributions of its concepts to the logit (NMF, last layer), "
            "coloured by the concept with the largest contribution, whose legend gives the share "
            "of images that it dominates; crosses are misclassified images. Concepts that "
            f"dominate at least 10 images: {min(every)} to {max(every)} a class, "
            f"{sum(every) / len(every):.1f} on average. On ImageNet the paper's demonstration "
            "counts 1 to 6, most often 2."
        )
        return Drawing(figure, caption)

    @staticmethod
    def _cloud(axis: Any, rows: pd.DataFrame, name: str) -> None:
        wide = rows.pivot_table(index="image", columns="metric", values="value")
        shares = wide["Dominant"].value_counts(normalize=True)
        for place, (concept, share) in enumerate(shares.items()):
            chosen = wide[wide["Dominant"] == concept]
            colour = COLOURS[place % len(COLOURS)]
            for correct, marker in ((1.0, "o"), (0.0, "X")):
                points = chosen[chosen["Correct"] == correct]
                axis.scatter(
                    points["ClusterX"], points["ClusterY"], s=9 if correct else 22, marker=marker,
                    color=colour, linewidths=0,
                )  # fmt: skip
            label = f"{concept:.0f}: {share:.0%}"
            axis.plot([], [], "o", ms=3, color=colour, label=label if place < 4 else None)
        bare(axis)
        axis.set_title(name)
        axis.legend(
            loc="upper center", bbox_to_anchor=(0.5, 0.02), frameon=False, ncols=2,
            handletextpad=0.1, columnspacing=0.6, fontsize=6,
        )  # fmt: skip
