"""fig-steering: what becomes of a model when its activations are pushed along a concept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks_thesis.common.averaged import Averaged
from sparks_thesis.common.concept_figures import by_depth, runs_in_order
from sparks_thesis.common.style import PAGE, Drawing, mean_line, style

METRICS = {
    "SteeringLogit": "change of\nthe logit",
    "SteeringOtherLogits": "change of\nother logits",
    "SteeringNonlinearity": "share\nnot linear",
    "SteeringOtherConcepts": "change of\nother concepts",
    "SteeringDistance": "distance to\ndata,\n× before",
    "SteeringNorm": "norm,\n× mean\nof data",
    "SteeringAngle": "angle to\ndata,\n× before",
}
LOOK = {
    "concept": ("#0072B2", "o", "-"),
    "shuffled": ("#999999", "x", "--"),
    "other class": ("#D55E00", "+", ":"),
    "gradient": ("#009E73", "^", "-."),
}


@dataclass(frozen=True)
class Steering(Averaged):
    """One row a layer, one panel a quantity; one data set and model.

    Attributes:
        datasets: in the order in which the one shown is chosen.
    """

    datasets: Sequence[str] = ()

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        rows = scores[scores["metric"].isin(list(METRICS))]
        if rows.empty:
            raise SparksError("fig-steering needs activations that were pushed")
        dataset, model, rows = runs_in_order(rows, self.datasets)[0]
        layers = by_depth(scores, rows["layer"])
        with style():
            from matplotlib.figure import Figure

            figure: Any = Figure(figsize=(PAGE, 1.6 * len(layers) + 0.5), layout="constrained")
            axes = figure.subplots(len(layers), len(METRICS), squeeze=False, sharex=True)
            for line, layer in enumerate(layers):
                for axis, (metric, title) in zip(axes[line], METRICS.items(), strict=True):
                    here = rows[(rows["layer"] == layer) & (rows["metric"] == metric)]
                    self._lines(axis, here)
                    if line == 0:
                        axis.set_title(title, fontsize=7)
                axes[line, 0].set_ylabel(layer, fontweight="bold")
            for axis in axes[-1]:
                axis.set_xlabel("t")
            handles, labels = axes[0, 0].get_legend_handles_labels()
            figure.legend(handles, labels, ncols=4, loc="outside upper center", frameon=False)
        return Drawing(figure, self._caption(rows, dataset, model, layers))

    def _lines(self, axis: Any, rows: pd.DataFrame) -> None:
        for method, (colour, marker, dashes) in LOOK.items():
            mean_line(
                axis, rows[rows["method"] == method], "t", self.bootstrap, color=colour,
                ls=dashes, marker=marker, ms=3, lw=1, label=method,
            )  # fmt: skip
        ticks = sorted(set(rows["t"]))[::2]
        axis.set_xscale("log")
        axis.set_xticks(ticks, labels=[f"{t:g}" for t in ticks])
        axis.set_xticks([], minor=True)
        axis.tick_params(labelsize=6)
        axis.set_ylim(top=max(axis.get_ylim()[1], 0.1))  # rounding is no effect

    def _caption(self, rows: pd.DataFrame, dataset: str, model: str, layers: list[str]) -> str:
        ends = rows[(rows["method"] == "concept") & (rows["metric"] == "SteeringNonlinearity")]
        mean = ends.groupby(["layer", "t"])["value"].mean()
        details = []
        for layer in layers:
            bent = [t for t in sorted(set(ends["t"])) if mean.get((layer, t), 0) > 0.1]
            details.append(f"{f'from t = {bent[0]:g}' if bent else 'never'} at {layer}")
        return (
            f"Activations of {model} on {dataset} moved by t v at every place, where v has the "
            "mean length of an activation and points along the first concept of the images' own "
            "class, the same atom with its channels shuffled, the first concept of another class, "
            "or the mean gradient of the logit. "
            f"Mean over {rows['image'].nunique()} images with {self.bootstrap.level:.0%} bootstrap "
            "intervals. Share not linear: difference between the change of the logit and t times "
            "its derivative at 0, over the larger of the two; it exceeds 10 % for the own concept "
            f"{', '.join(details)}. Other concepts: ℓ1 change of their coefficients, over their ℓ1 "
            "norm. Distance to data: that of the mean activation over places to its fifth "
            "neighbour among training images, over the same at t = 0; then its two parts, the norm "
            "alone, and the distance between activations scaled to length one. The author says in "
            "a talk that steering works up to a point; there is no published figure."
        )
