"""fig-dictionaries-k: scores of dictionaries against the number of concepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks_thesis.common.averaged import Averaged
from sparks_thesis.common.concept_figures import runs_in_order
from sparks_thesis.common.style import PAGE, Drawing, mean_line, style

METRICS = {
    "RelativeL2": "relative ℓ2 ↓",
    "Sparsity": "share of zeros ↑",
    "CodeHoyer": "Hoyer ↑",
    "Stability": "stability ↑",
    "RelativeFrechet": "Fréchet ↓",
    "OOD": "OOD ↓",
}
CHANCE = "StabilityChance"
LOOK = {
    "NMF": ("#0072B2", "o"),
    "Semi-NMF": ("#56B4E9", "s"),
    "Convex-NMF": ("#009E73", "^"),
    "K-Means": ("#D55E00", "D"),
    "PCA": ("#000000", "P"),
    "ICA": ("#999999", "x"),
    "ReLU-SAE": ("#E69F00", "v"),
    "TopK-SAE": ("#CC79A7", "<"),
    "BatchTopK-SAE": ("#882255", ">"),
    "JumpReLU-SAE": ("#44AA99", "1"),
    "Gated-SAE": ("#DDCC77", "2"),
    "Matryoshka-SAE": ("#332288", "h"),
    "Pursuit-SAE": ("#117733", "d"),
    "Archetypal-SAE": ("#AA4499", "*"),
    "Revived-SAE": ("#CC6677", "p"),
}


@dataclass(frozen=True)
class DictionariesK(Averaged):
    """One panel a metric, one line a dictionary; one data set and model.

    Means are over classes.

    Attributes:
        datasets: in the order in which the one shown is chosen.
    """

    datasets: Sequence[str] = ()

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        shown = [*METRICS, CHANCE]
        rows = scores[(scores["analysis"] == "sweep") & scores["metric"].isin(shown)]
        rows = rows.dropna(subset="value")  # scores that do not exist
        if rows.empty:
            raise SparksError("fig-dictionaries-k needs several numbers of concepts")
        dataset, model, rows = runs_in_order(rows, self.datasets)[0]
        with style():
            from matplotlib.figure import Figure
            from matplotlib.ticker import NullFormatter, ScalarFormatter

            figure: Any = Figure(figsize=(PAGE, 4.2), layout="constrained")
            axes = figure.subplots(2, 3)
            for axis, (metric, title) in zip(axes.flat, METRICS.items(), strict=True):
                for name, (colour, marker) in LOOK.items():
                    chosen = rows[(rows["metric"] == metric) & (rows["method"] == name)]
                    look = {"color": colour, "marker": marker, "ms": 3, "lw": 1, "label": name}
                    mean_line(axis, chosen, "concepts", self.bootstrap, **look)
                    if metric == "Stability":
                        chance = rows[(rows["metric"] == CHANCE) & (rows["method"] == name)]
                        means = chance.groupby("concepts")["value"].mean()
                        axis.plot(means.index, means, color=colour, lw=0.6, ls=":")
                axis.set(title=title, xscale="log", xticks=sorted(set(rows["concepts"])))
                axis.xaxis.set_major_formatter(ScalarFormatter())
                axis.xaxis.set_minor_formatter(NullFormatter())
            for axis in axes[1]:
                axis.set_xlabel("concepts")
            handles, labels = axes[0, 0].get_legend_handles_labels()
            figure.legend(handles, labels, ncols=5, loc="outside upper center", frameon=False)
        caption = (
            f"Dictionaries against their number of concepts, on the last layer of {model} on "
            f"{dataset}, {_classes(rows['target'].nunique(), self.bootstrap.level)}; metrics as in "
            "tab-dictionaries; dotted, the stability of random dictionaries of the same kind. PCA "
            "and ICA cannot have more concepts than channels. The top "
            "3 coefficients of TopK- and BatchTopK-SAE are kept (all, where there are fewer). The "
            "paper compares such dictionaries; its curves are unavailable."
        )
        return Drawing(figure, caption)


def _classes(n: int, level: float) -> str:
    if n == 1:
        return "one class"
    return f"mean over {n} classes with its {level:.0%} bootstrap interval over them"
