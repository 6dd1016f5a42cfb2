"""fig-circuits: what circuits keep of a part by themselves, and what edits undo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from sparks.errors import SparksError
from sparks.plots.axes import band
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOK = {
    "circuit": {"color": "#0072B2", "marker": "o", "ls": "-"},
    "random": {"color": "#999999", "marker": "x", "ls": "--"},
}
PANELS = {
    "CircuitAlone": "circuit alone: r² of the score",
    "CircuitRemoved": "circuit held: r² of the score",
}
SPLITS = {
    "attacked": "attacked: accuracy (%)",
    "clean": "not attacked (%)",
    "with the part": "class has the part (%)",
}


@dataclass(frozen=True)
class Circuits:
    """Scores of the concept and accuracies against the size of the circuit; one data set and model.

    Attributes:
        bootstrap: of the means, over parts and networks.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        from matplotlib.figure import Figure

        rows = scores[scores["metric"].isin([*PANELS, "EditedAccuracy"])]
        if rows.empty:
            raise SparksError("fig-circuits needs the study circuits: give it a data set")
        dataset, model = rows[["dataset", "model"]].min()
        rows = rows[(rows["dataset"] == dataset) & (rows["model"] == model)]
        with style():
            figure = Figure(figsize=(PAGE, 2.2), layout="constrained")
            axes = figure.subplots(1, len(PANELS) + len(SPLITS))
            for axis, (metric, title) in zip(axes, PANELS.items(), strict=False):
                self._lines(axis, rows[rows["metric"] == metric], 1.0)
                axis.set(title=title, ylim=(-0.02, 1.02))
            edited = rows[rows["metric"] == "EditedAccuracy"]
            for axis, (split, title) in zip(axes[len(PANELS) :], SPLITS.items(), strict=True):
                here = edited[edited["split"] == split]
                self._lines(axis, here, 100.0)
                axis.axhline(100 * self._at(here, "none").mean, color="black", ls=":", lw=0.8)
                axis.set(title=title, ylim=(-2, 102))
            for axis in axes:
                axis.set_xlabel("channels a layer")
                axis.title.set_fontsize(6)
            handles, labels = axes[0].get_legend_handles_labels()
            figure.legend(handles, labels, ncols=2, loc="outside upper center", frameon=False)
        return Drawing(figure, self._caption(rows, str(dataset), str(model)))

    def _lines(self, axis: Axes, rows: pd.DataFrame, scale: float) -> None:
        for method, look in LOOK.items():
            here = rows[rows["method"] == method]
            sizes = sorted(int(size) for size in set(here["concepts"]))
            found = [self._at(here[here["concepts"] == size], method) for size in sizes]
            scaled = [Interval(scale * i.mean, scale * i.low, scale * i.high, i.n) for i in found]
            band(axis, sizes, scaled, ms=3, lw=1, label=method, **look)

    def _at(self, rows: pd.DataFrame, method: str) -> Interval:
        """Return the mean over parts and networks of the mean over draws."""
        units = rows[rows["method"] == method].groupby(["seed", "part"])["value"].mean()
        return self.bootstrap.mean(units)

    def _caption(self, rows: pd.DataFrame, dataset: str, model: str) -> str:
        units = rows[["seed", "part"]].drop_duplicates()
        edited = rows[rows["metric"] == "EditedAccuracy"]
        attacked, clean = (edited[(edited["split"] == split)] for split in ("attacked", "clean"))
        sizes = sorted(int(size) for size in set(rows["concepts"]))
        best = max(
            sizes, key=lambda s: self._at(attacked[attacked["concepts"] == s], "circuit").mean
        )
        before, ceiling = self._at(attacked, "none"), self._at(clean, "none")
        own, other = (self._at(attacked[attacked["concepts"] == best], method) for method in LOOK)
        side = self._at(clean[clean["concepts"] == best], "circuit")
        return (
            f"Circuits of {units['part'].nunique()} parts in {model} on {dataset}, networks of "
            f"{units['seed'].nunique()} seeds: as many channels of each of three layers as the "
            "axis says, by cross-layer attribution, and as many at random (mean of the draws). "
            "First: all other channels held at their means over training images; second: those of "
            "the circuit held; r² of the part's score with that of the whole network, over images "
            "with and without the part. Then accuracy with the circuit held at its means, dotted: "
            "without an edit. Attacked: the part pasted onto images of classes without it; the "
            "same images before; and images of classes with the part, which the edit costs. Means "
            f"over {len(units)} pairs of part and network with {self.bootstrap.level:.0%} "
            f"bootstrap intervals. The attack leaves {shown(before, 1, 100)} % of "
            f"{shown(ceiling, 1, 100)} %; with circuits of {best} channels a layer held, the "
            "best size shown, it is "
            f"{shown(own, 1, 100)} %, with random ones {shown(other, 1, 100)} %, and on images "
            f"that are not attacked {shown(side, 1, 100)} %. Cross-layer attribution is "
            "rajaram2024circuits's; the concepts, the attack, controls and numbers are ours."
        )
