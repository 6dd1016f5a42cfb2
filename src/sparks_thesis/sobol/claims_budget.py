"""Claim of "Making Sense of Dependence" (novello2022hsic) on the forward passes that HSIC needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparks.stats import Bootstrap, Interval, interval_of, shown
from sparks_thesis.common.verdict import Verdict, above, judged, not_run
from sparks_thesis.sobol.claims import SIGN


@dataclass(frozen=True)
class FewerForwards:
    """hsic-fewer-forwards: HSIC is as faithful as the best black-box method, several times faster.

    The best rival is the one with the best mean at any of its budgets. Its cost and HSIC's are the
    fewest forward passes with which each comes within the margin of that mean; the effect is the
    ratio of the two, 0 where HSIC never comes so close.

    Attributes:
        margins: metric → how much worse than the best still counts as tied.
        rivals: labels of the black-box rivals; those that were run are compared.
        several: the ratio above which HSIC counts as several times faster.
        bootstrap: of the ratio, over images.
    """

    margins: Mapping[str, float]
    rivals: Sequence[str]
    several: float = 2.0
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows with a budget (`forwards`)."""
        budgets = table[table["forwards"].notna()]
        budgets = budgets[budgets["metric"].isin(list(SIGN))]
        present = set(budgets["method"])
        rivals = [name for name in self.rivals if name in present]
        if "HSIC" not in present or not rivals:
            return not_run("HSIC and a black-box rival were not run at several budgets")
        ratios: dict[str, Interval] = {}
        for (dataset, model, metric), rows in budgets.groupby(["dataset", "model", "metric"]):
            scores = _Scores.of(rows, SIGN[str(metric)], [*rivals, "HSIC"])
            ratio, best, spent, needed = scores.ratio(self.margins[str(metric)])
            drawn = [
                scores.resampled(which).ratio(self.margins[str(metric)])[0]
                for which in self.bootstrap.draws(len(scores.values))
            ]
            details = f"{metric} of {model} on {dataset} (best {best} with {spent}, HSIC "
            details += f"with {needed})" if ratio else "never as good)"
            ratios[details] = interval_of(
                ratio, drawn, len(scores.values), self.bootstrap.level, True
            )
        smallest = min(ratios.values(), key=lambda interval: interval.mean)
        each = "; ".join(f"{w} {shown(i, 1)}" for w, i in ratios.items())
        return judged(
            [above(interval, self.several) for interval in ratios.values()],
            smallest,
            f"forward passes of the best rival over HSIC's, {smallest.n} images: {each}",
            ratios.values(),
        )


@dataclass(frozen=True)
class _Scores:
    """Scores of images (images, columns), higher is better; each column is a method at a budget."""

    values: NDArray[np.float64]
    methods: NDArray[np.str_]
    forwards: NDArray[np.int64]

    @classmethod
    def of(cls, rows: pd.DataFrame, sign: float, methods: Sequence[str]) -> _Scores:
        chosen = rows[rows["method"].isin(list(methods))]
        wide = chosen.pivot_table(
            index=["seed", "image"], columns=["method", "forwards"], values="value"
        )
        names, spent = (np.array(wide.columns.get_level_values(level)) for level in (0, 1))
        return cls(wide.to_numpy(dtype=float) * sign, names, spent)

    def resampled(self, which: NDArray[np.int64]) -> _Scores:
        return _Scores(self.values[which], self.methods, self.forwards)

    def ratio(self, margin: float) -> tuple[float, str, int, int]:
        """Return the ratio, the best rival, its forward passes and HSIC's (0: never as good)."""
        means = np.nanmean(self.values, axis=0)
        hsic = self.methods == "HSIC"
        top = int(np.where(hsic, -np.inf, means).argmax())
        best, good = self.methods[top], means >= means[top] - margin
        spent = int(self.forwards[good & (self.methods == best)].min())
        enough = self.forwards[good & hsic]
        needed = int(enough.min()) if enough.size else 0
        return (spent / needed if needed else 0.0), str(best), spent, needed
