"""fig-rationales: agreement of explanations with the words that decide, and with the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, shown, spearman
from sparks_thesis.common.by_method import dots
from sparks_thesis.common.methods import in_order, look
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AGREEMENT = {"AUPRC": "AUPRC ↑", "TokenF1": "F1 of the top words ↑"}
FAITHFUL = "Deletion"


@dataclass(frozen=True)
class Rationales:
    """Plausibility by method, with chance and the best possible, and against word Deletion.

    Attributes:
        bootstrap: of the means, over texts.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from an experiment's tidy scores; one text set, the first by name."""
        from matplotlib.figure import Figure

        known = scores[scores["metric"].isin(list(AGREEMENT))].dropna(subset="value")
        if known.empty:
            raise SparksError(
                "fig-rationales needs texts whose deciding words are known, and the metric "
                "plausibility (words.keyword_metrics)"
            )
        dataset = str(known["dataset"].min())
        rows = scores[scores["dataset"] == dataset]
        means = {
            metric: {
                str(method): self.bootstrap.mean(group["value"].dropna())
                for method, group in rows[rows["metric"] == metric].groupby("method")
            }
            for metric in (*AGREEMENT, FAITHFUL)
        }
        methods = in_order(means["AUPRC"])
        ends = self._ends(rows)
        with style():
            figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
            *left, right = figure.subplots(1, len(AGREEMENT) + 1)
            for axis, (metric, title) in zip(left, AGREEMENT.items(), strict=True):
                dots(axis, {name: means[metric][name] for name in methods}, *ends[metric])
                axis.set_xlim(0, 1.02)
                axis.set_title(title)
            left[1].set_yticklabels([])
            agreement = self._against(right, means, methods)
        return Drawing(figure, self._caption(rows, dataset, ends, agreement))

    @staticmethod
    def _ends(rows: pd.DataFrame) -> dict[str, tuple[float | None, float]]:
        """Return the level of chance, None where it is a method's alone, and the best of each."""
        mean = rows.groupby("metric")["value"].mean()
        return {
            "AUPRC": (mean.get("PointingChance"), 1.0),
            "TokenF1": (None, float(mean["TokenF1Best"])),
        }

    def _against(
        self, axis: Axes, means: dict[str, dict[str, Interval]], methods: list[str]
    ) -> float:
        """Draw plausibility against Deletion; return their rank correlation over methods."""
        pairs = [
            (means[FAITHFUL][name].mean, means["AUPRC"][name].mean, name)
            for name in methods
            if name in means[FAITHFUL]
        ]
        for x, y, name in pairs:
            axis.plot(x, y, ls="", ms=5, **look(name))
        axis.set(xlabel="word Deletion ↓", ylabel="AUPRC ↑")
        axis.invert_xaxis()
        if len(pairs) < 3:
            return float("nan")
        import torch

        x, y = torch.tensor([pair[:2] for pair in pairs]).T
        return float(spearman(-x[None], y[None])[0])

    def _caption(
        self, rows: pd.DataFrame, dataset: str, ends: dict[str, Any], agreement: float
    ) -> str:
        wanted = rows[rows["metric"] == "AUPRC"]
        best = wanted.groupby("method")["value"].mean().idxmax()
        value = shown(self.bootstrap.mean(wanted[wanted["method"] == best]["value"].dropna()), 2)
        chance = ends["AUPRC"][0]
        dashes = "" if chance is None else f" (dashed: a constant map, {chance:.2f})"
        return (
            f"Agreement of explanations with the words that decide, on {dataset}: mean over "
            f"{wanted['image'].nunique()} texts with {self.bootstrap.level:.0%} bootstrap "
            f"intervals. Left: average precision of the importance of words{dashes}. Middle: F1 of "
            "the most important words, as many in each text as decide in a mean text; dotted: the "
            "best F1 that this number of words allows. Right: agreement against "
            f"faithfulness, one mark for each method (Spearman {agreement:.2f}). Best agreement: "
            f"{best}, {value}. Measures of ERASER (deyoung2020eraser); the texts, their known "
            "words and the numbers are ours: the words are those from which a template made the "
            "class, not marks of people."
        )
