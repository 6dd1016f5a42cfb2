"""fig-fronts: sparsity against reconstruction, and stability, of overcomplete dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap
from sparks_thesis.common.style import PAGE, Drawing, style
from sparks_thesis.holistic.figure_dictionaries import LOOK

CONTROLS = {"Exemplars": ("#444444", "x"), "Random directions": ("#999999", "*")}
# Quantity → what chance gives of it, title.
AGREEMENTS = {
    "Stability": ("StabilityChance", "between seeds:\n|cosine| of atoms"),
    "NetworkAgreement": ("NetworkAgreementChance", "between networks:\ncorrelation of codes"),
}


@dataclass(frozen=True)
class Fronts:
    """Unexplained variance against active concepts; beside it stability and dead atoms.

    Attributes:
        bootstrap: of the means, over fits.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores."""
        rows = scores[scores["amount"].notna() & scores["metric"].isin(_METRICS)]
        if rows.empty:
            raise SparksError("fig-fronts needs overcomplete dictionaries: run the study fronts")
        dataset, model = str(rows["dataset"].iloc[0]), str(rows["model"].iloc[0])
        rows = rows[(rows["dataset"] == dataset) & (rows["model"] == model)]
        looks = {
            name: look for name, look in (LOOK | CONTROLS).items() if name in set(rows["method"])
        }
        with style():
            from matplotlib.figure import Figure

            figure: Any = Figure(figsize=(PAGE, 3.2), layout="constrained")
            front, *others = figure.subplots(1, 4, width_ratios=[1.8, 1, 1, 1])
            self._front(front, rows, looks)
            for axis, (metric, (chance, title)) in zip(others, AGREEMENTS.items(), strict=False):
                self._dots(axis, rows, looks, metric, chance)
                axis.set_title(title, fontsize=7)
            self._dots(others[-1], rows, looks, "Dead", "")
            others[-1].set_title("atoms not used in\nheld-out activations", fontsize=7)
            for axis in others[1:]:
                axis.set_yticklabels([])
        return Drawing(figure, _caption(rows, dataset, model, self.bootstrap.level))

    def _front(self, axis: Any, rows: pd.DataFrame, looks: Mapping[str, tuple[str, str]]) -> None:
        for name, (colour, marker) in looks.items():
            own = rows[rows["method"] == name]
            points = [
                [self.bootstrap.mean(group[group["metric"] == metric]["value"])
                 for metric in ("Active", "R2")]
                for _, group in own[own["metric"].isin(["Active", "R2"])].groupby("amount")
            ]  # fmt: skip
            x, y = [pair[0].mean for pair in points], [1 - pair[1].mean for pair in points]
            ends = [[pair[1].high - pair[1].mean for pair in points],
                    [pair[1].mean - pair[1].low for pair in points]]  # fmt: skip
            axis.errorbar(x, y, yerr=ends, color=colour, marker=marker, ms=4, lw=1)
        axis.set(xlabel="active concepts of an activation (L0)", xscale="log", yscale="log")
        axis.set(ylabel="unexplained variance, 1 − R²")
        ticks = (1, 2, 4, 8, 16)
        axis.set_xticks(ticks, labels=map(str, ticks))
        axis.set_xticks([], minor=True)

    def _dots(
        self,
        axis: Any,
        rows: pd.DataFrame,
        looks: Mapping[str, tuple[str, str]],
        metric: str,
        chance: str,
    ) -> None:
        level = _middle(rows)
        for place, (name, (colour, marker)) in enumerate(looks.items()):
            own = rows[(rows["method"] == name) & (rows["amount"] == level)]
            values = own[own["metric"] == metric]["value"]
            if len(values):
                axis.plot(values, [place] * len(values), marker, color=colour, ms=4, ls="")
            by_chance = own[own["metric"] == chance]["value"]
            if len(by_chance):
                axis.plot([by_chance.mean()] * 2, [place - 0.35, place + 0.35], "k:", lw=1)
        axis.set_yticks(range(len(looks)), labels=list(looks), fontsize=6)
        axis.set(ylim=(len(looks) - 0.5, -0.5), xlim=(-0.03, 1.03))


_METRICS = ("R2", "Active", "Dead", *AGREEMENTS, *(chance for chance, _ in AGREEMENTS.values()))


def _middle(rows: pd.DataFrame) -> float:
    levels: Sequence[float] = sorted(set(rows["amount"]))
    return levels[len(levels) // 2]


def _caption(rows: pd.DataFrame, dataset: str, model: str, level: float) -> str:
    atoms = int(rows["concepts"].max())
    fits = rows[rows["metric"] == "R2"]["repeat"].nunique()
    return (
        f"Dictionaries of {atoms} atoms (PCA: as many as are active) on activations of {model} on "
        f"{dataset}, judged at places of images that they were not fitted on. Left: share of the "
        "variance that is not explained, against the mean number of active concepts (colours and "
        "markers as on the right). That number is set by the sparsity of an autoencoder (active "
        "codes or penalty); it is 1 for K-Means; the codes of all others come from as many steps "
        "of non-negative orthogonal matching pursuit. Mean over "
        f"{fits} fits with different seeds, {level:.0%} bootstrap intervals. Right, at "
        f"{_middle(rows):g} active concepts: stability over seeds (mean |cosine| of atoms, matched "
        "one to one); stability over networks (mean correlation of codes, matched one to one, with "
        "those of a dictionary fitted on another network of the same kind at the same places); and "
        "the share of atoms that no held-out activation uses. Dotted: chance, for atoms whose "
        "numbers are shuffled over channels and codes shuffled over activations. Exemplars and "
        "Random directions learn nothing. The paper compares such dictionaries; its numbers are "
        "unavailable."
    )
