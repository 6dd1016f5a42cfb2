"""fig-importance-layers: faithfulness of importance methods on concepts, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks_thesis.common.averaged import Averaged
from sparks_thesis.common.concept_figures import by_depth
from sparks_thesis.common.style import PAGE, Drawing, style
from sparks_thesis.holistic.study import ALL, BEST_ORDER

METRICS = {
    "C-Deletion": "C-Deletion gap ↓",
    "C-Insertion": "C-Insertion gap ↓",
    "C-MuFidelity": "C-MuFidelity ↑",
}
COLOURS = ("#E69F00", "#009E73", "#0072B2", "#CC79A7", "#000000")
REFERENCE = "optimum at the last layer"


@dataclass(frozen=True)
class ImportanceLayers(Averaged):
    """One panel a metric, one row a method, one dot a layer; the first run with most layers."""

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        rows = scores[scores["metric"].isin(list(METRICS)) & (scores["method"] != "")]
        if rows.empty:
            raise SparksError("fig-importance-layers needs importances of concepts")
        runs = [one for _, one in rows.groupby(["dataset", "model"], sort=False)]
        rows = max(runs, key=lambda one: one["layer"].nunique())
        dataset, model = str(rows["dataset"].iloc[0]), str(rows["model"].iloc[0])
        layers = by_depth(scores, rows["layer"])
        wide = rows.pivot_table(
            index=["metric", "layer", "seed", "image"], columns="method", values="value"
        )
        # Logits of different layers' reconstructions differ: compare with the best method there.
        methods = [m for m in wide.columns if m not in (REFERENCE, BEST_ORDER)]
        methods = [m for m in methods if not m.endswith(ALL)]  # of the last layer alone
        means = wide[methods].groupby(level=["metric", "layer"]).mean()
        last = means.loc[[("C-MuFidelity", layers[-1])]].iloc[0]
        order = last.sort_values().index
        with style():
            from matplotlib.figure import Figure

            figure: Any = Figure(figsize=(PAGE, 0.24 * len(methods) + 1.1), layout="constrained")
            axes = figure.subplots(1, 3, sharey=True)
            for axis, (metric, title) in zip(axes, METRICS.items(), strict=True):
                for place, layer in enumerate(layers):
                    values = self._gaps(wide.loc[(metric, layer), :], metric, list(order))
                    y = np.arange(len(order)) + 0.22 * (place - (len(layers) - 1) / 2)
                    mean, low, high = (np.array(v) for v in zip(*values, strict=True))
                    axis.errorbar(
                        mean, y, xerr=np.abs(np.nan_to_num([mean - low, high - mean])), fmt="o",
                        ms=3, lw=0.8, color=COLOURS[place % len(COLOURS)], label=layer,
                    )  # fmt: skip
                axis.set(title=title, yticks=range(len(order)), yticklabels=order)
                axis.axvline(0, color="k", lw=0.5)
                axis.grid(axis="x", lw=0.3)
            handles, labels = axes[0].get_legend_handles_labels()
            figure.legend(
                handles, labels, ncols=len(labels), loc="outside upper center", frameon=False
            )
        return Drawing(figure, self._caption(scores, dataset, model, layers, means))

    def _gaps(
        self, table: pd.DataFrame, metric: str, order: list[str]
    ) -> list[tuple[float, float, float]]:
        """Return each method's mean and interval of C-MuFidelity, or of the gap to the best."""
        found = []
        best = None
        if metric != "C-MuFidelity":
            sign = 1 if metric == "C-Deletion" else -1
            best = table[(sign * table[order].mean()).idxmin()]
        for method in order:
            if table[method].isna().all():  # it cannot explain this layer
                found.append((np.nan, np.nan, np.nan))
                continue
            values = table[method]
            if best is not None:
                values = (values - best) * (1 if metric == "C-Deletion" else -1)
            interval = self.bootstrap.mean(values)
            found.append((interval.mean, interval.low, interval.high))
        return found

    def _caption(
        self, scores: pd.DataFrame, dataset: str, model: str, layers: list[str], means: pd.DataFrame
    ) -> str:
        gap = scores[(scores["metric"] == "LogitGap") & (scores["dataset"] == dataset)]
        lost = gap.groupby("layer")["value"].mean()
        details = ", ".join(f"{lost[layer]:.2f} at {layer}" for layer in layers if layer in lost)
        by_layer = means.xs("C-MuFidelity")
        spread = dict(zip(by_layer.index, np.nanstd(by_layer.to_numpy(), axis=1), strict=True))
        wide = ", ".join(f"{spread[layer]:.2f} at {layer}" for layer in layers)
        return (
            f"Faithfulness of every attribution method on concepts (NMF) of {model} on {dataset}, "
            f"by layer, mean over {gap['image'].nunique()} images with "
            f"{self.bootstrap.level:.0%} bootstrap intervals. "
            "C-Deletion and C-Insertion: area under the logit as concepts are set to zero or "
            "added, as the gap to the best method at that layer (0: the best), because each "
            "layer's reconstruction has its own logits. C-MuFidelity: correlation of summed "
            "importance and drop of the logit. Mean error of the logit by reconstruction: "
            f"{details}. Spread of C-MuFidelity over methods (standard deviation): {wide}. "
            "GuidedBackprop and DeconvNet need a ReLU after the layer. The paper shows the four "
            "blocks of ResNet50; its numbers are unavailable."
        )
