"""fig-universal: one dictionary for several networks, beside its controls and references."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.results import ITSELF
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.beyond import UNTRAINED
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONDITIONS = {
    "a dictionary each": "reference: a dictionary each",
    "linear regression": "reference: linear regression",
    "universal": "universal dictionary",
    "untrained network": "… with an untrained network",
    "shuffled images": "… of shuffled images",
}
R2 = {"R2Within": "from its own codes", "R2Across": "from another network's codes"}
USES = {
    "FiringEntropy": "entropy of the networks\namong a concept's uses",
    "CoFiring": "share of its places\nthat all networks use",
}
LOOK: dict[str, dict[str, Any]] = {
    "universal": {"color": "#0072B2", "ls": "-"},
    "shuffled images": {"color": "#999999", "ls": "--"},
}


@dataclass(frozen=True)
class Universal:
    """Variance explained within and across networks, and how concepts are used by them.

    Attributes:
        bootstrap: of the means, over sets of networks.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        from matplotlib.figure import Figure

        rows = scores[scores["metric"].isin([*R2, *USES])]
        if rows.empty:
            raise SparksError("fig-universal needs the study universal: give it a data set")
        dataset, model = rows[["dataset", "model"]].min()
        rows = rows[(rows["dataset"] == dataset) & (rows["model"] == model)]
        with style():
            figure = Figure(figsize=(PAGE, 2.1), layout="constrained")
            axes = figure.subplots(1, len(R2) + len(USES))
            for axis, (metric, title) in zip(axes, R2.items(), strict=False):
                self._bars(axis, rows[rows["metric"] == metric])
                axis.set_title(f"R² of a network\n{title}", fontsize=6)
            axes[1].set_yticklabels([])
            for axis, (metric, label) in zip(axes[len(R2) :], USES.items(), strict=True):
                _distribution(axis, rows[rows["metric"] == metric])
                axis.set_xlabel(label, fontsize=7)
            axes[len(R2)].set_ylabel("share of the concepts", fontsize=7)
            axes[-1].legend(fontsize=6, frameon=False)
        return Drawing(figure, self._caption(rows, str(dataset), str(model)))

    def _bars(self, axis: Axes, rows: pd.DataFrame) -> None:
        for place, method in enumerate(CONDITIONS):
            if (rows["method"] == method).any():
                one = self._mean(rows, method)
                ends = [[one.mean - one.low], [one.high - one.mean]]
                axis.errorbar(one.mean, place, xerr=ends, fmt="o", ms=3, color="#0072B2", lw=1)
        axis.set_yticks(range(len(CONDITIONS)), labels=list(CONDITIONS.values()), fontsize=6)
        axis.set(ylim=(len(CONDITIONS) - 0.5, -0.5), xlim=(min(-0.05, axis.get_xlim()[0]), 1.02))
        axis.axvline(0, color="black", lw=0.6)

    def _mean(self, rows: pd.DataFrame, method: str) -> Interval:
        """Return the mean over sets of networks of the mean over their pairs."""
        return self.bootstrap.mean(rows[rows["method"] == method].groupby("seed")["value"].mean())

    def _caption(self, rows: pd.DataFrame, dataset: str, model: str) -> str:
        def said(metric: str, method: str) -> str:
            return shown(self._mean(rows[rows["metric"] == metric], method), 2)

        concepts = int(rows["concept"].max()) + 1
        others = " and ".join(sorted(set(rows["evaluator"]) - {"", ITSELF, UNTRAINED}))
        seeds = sorted(rows["seed"].unique())
        of = f"{model}, seed {seeds[0]}, and of {others}"
        if len(seeds) > 1:
            of = (
                f"{model}, each of {len(seeds)} seeds, and of {others}; means over seeds with "
                f"{self.bootstrap.level:.0%} bootstrap intervals"
            )
        return (
            f"A universal dictionary of {concepts} concepts ({dataset}; activations of {of}). "
            "First and second: variance explained of held-out activations, decoded from codes of "
            "the network itself, and from codes of another. References: an autoencoder of each "
            "network alone, with the same settings, "
            "and the affine regression of one network's activations on the other's. Controls: the "
            "dictionary shared with a network of random weights, and fitted on activations of "
            "images that do not belong together. Universal: "
            f"{said('R2Within', 'universal')} within and {said('R2Across', 'universal')} across "
            f"networks; shuffled images: {said('R2Across', 'shuffled images')} across. Third and "
            "fourth: share of the concepts at or below a value; entropy 1 means that all networks "
            "use a concept equally often, 0 that one alone does; concepts that none uses are left "
            "out. The idea is thasarathan2025universal's; the data, networks, controls and "
            "numbers are ours."
        )


def _distribution(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw the share of the concepts, of all sets of networks, at or below each value."""
    for method, look in LOOK.items():
        values = np.sort(rows[rows["method"] == method]["value"].dropna())
        if len(values):
            shares = np.arange(1, len(values) + 1) / len(values)
            axis.step([0, *values, 1], [0, *shares, 1], where="post", label=method, lw=1, **look)
    axis.set(xlim=(-0.02, 1.02), ylim=(0, 1.02))
