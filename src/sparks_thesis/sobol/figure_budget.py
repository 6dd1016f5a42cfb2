"""fig-sobol-budget: faithfulness of black-box methods against what they may spend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap
from sparks_thesis.common.methods import look
from sparks_thesis.common.style import PAGE, Drawing, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# metric → heading
METRICS = {"Deletion": "Deletion ↓", "Insertion": "Insertion ↑", "MuFidelity": "MuFidelity ↑"}
# Factor between the places of two methods that spend the same.
APART = 1.05
RUN = ["dataset", "model", "seed"]
EXPLANATION = [*RUN, "method", "forwards"]


@dataclass(frozen=True)
class Budget:
    """Each metric against forward passes and seconds, and differences: one line a method.

    Attributes:
        bootstrap: of the means, over images.
        against: label of the method that the others are compared with.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    against: str = "Sobol"

    def __call__(self, budget: pd.DataFrame, budget_cost: pd.DataFrame) -> Drawing:
        """Draw the figure.

        Args:
            budget: scores of every budget (`forwards`).
            budget_cost: "Seconds" per image of the same explanations.
        """
        means = self._means(budget, budget_cost)
        runs = list(means.groupby(RUN, sort=False))
        if not runs:
            raise SparksError("fig-sobol-budget has no budget to show: give the study a data set")
        with style():
            figure, axes = self._canvas(3 * len(runs))
            for number, (names, rows) in enumerate(runs):
                pair = axes[3 * number : 3 * number + 3]
                gains = self._differences(budget, list(names))
                for axis, metric in zip(pair[0], METRICS, strict=True):
                    self._lines(axis, rows[rows["metric"] == metric], "forwards")
                    axis.set(title=METRICS[metric], xlabel="forward passes an image")
                for axis, metric in zip(pair[1], METRICS, strict=True):
                    self._lines(axis, rows[rows["metric"] == metric], "milliseconds")
                    axis.set(xlabel="milliseconds an image")
                for axis, metric in zip(pair[2], METRICS, strict=True):
                    if len(gains):
                        self._lines(axis, gains[gains["metric"] == metric], "forwards")
                    axis.axhline(0, color="k", lw=0.6, ls=":")
                    axis.set(xlabel="forward passes an image")
                for axis, what in zip(pair[:, 0], ("", "", f"\nminus {self.against}"), strict=True):
                    axis.set_ylabel(f"{names[1]} on {names[0]}{what}")
            handles, labels = axes[0, 0].get_legend_handles_labels()
            figure.legend(
                handles, labels, ncols=len(labels), loc="outside upper center", frameon=False
            )
        return Drawing(figure, self._caption(means))

    def _means(self, budget: pd.DataFrame, cost: pd.DataFrame) -> pd.DataFrame:
        """Return one row an explanation and metric: mean, low, high, n, forwards, milliseconds."""
        seconds = cost.set_index(EXPLANATION)["value"].to_dict()
        rows = []
        for names, group in budget.groupby([*EXPLANATION, "metric"]):
            known = dict(zip([*EXPLANATION, "metric"], names, strict=True))
            interval = self.bootstrap.mean(group["value"])
            rows.append(
                known
                | {"mean": interval.mean, "low": interval.low, "high": interval.high}
                | {"n": group["image"].nunique()}
                | {"milliseconds": 1000 * seconds[names[:5]]}
            )
        return pd.DataFrame(rows)

    def _differences(self, budget: pd.DataFrame, names: Sequence[Any]) -> pd.DataFrame:
        """Return each method minus `against` at equal budgets, paired over images of one run."""
        of_run = (budget[RUN] == names).all(axis=1)
        rows = []
        for (metric, forwards), group in budget[of_run].groupby(["metric", "forwards"]):
            wide = group.pivot_table(index="image", columns="method", values="value")
            for method in wide.columns if self.against in wide else ():
                if method != self.against:
                    gain = self.bootstrap.difference(wide[method], wide[self.against])
                    known = {"metric": metric, "forwards": forwards, "method": method}
                    rows.append(known | vars(gain))
        return pd.DataFrame(rows)

    @staticmethod
    def _canvas(rows: int) -> tuple[Any, Any]:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(PAGE, 0.4 + 2.1 * rows), layout="constrained")
        return figure, figure.subplots(rows, len(METRICS), squeeze=False)

    @staticmethod
    def _lines(axis: Axes, rows: pd.DataFrame, against: str) -> None:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        lines = list(rows.groupby("method", sort=False))
        for place, (method, line) in enumerate(lines):
            line = line.sort_values("forwards")
            shown = look(str(method))
            # Most methods spend exactly as many passes: set them a little apart.
            apart = APART ** (place - (len(lines) - 1) / 2) if against == "forwards" else 1
            x = line[against] * apart
            axis.plot(x, line["mean"], label=str(method), ms=3, lw=1.2, **shown)
            axis.vlines(x, line["low"], line["high"], color=shown["color"], lw=0.7, alpha=0.7)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())

    def _caption(self, means: pd.DataFrame) -> str:
        images = ", ".join(
            f"{n} images of {dataset}" for dataset, n in means.groupby("dataset")["n"].max().items()
        )
        return (
            "Faithfulness of black-box methods against the budget of an explanation, mean over "
            f"{images} with its {self.bootstrap.level:.0%} bootstrap interval. First row: against "
            "forward passes (methods with equal budgets are drawn slightly apart); second row: "
            "against measured time, which differs from run to run; third row: differences from "
            f"{self.against} at the same passes, paired over images (below 0 is better for "
            f"Deletion). {_best(means)} All methods have one grid: budgets set the masks of RISE, "
            "LIME, KernelSHAP and HSIC and the points of Sobol, which begins where these are "
            "eight; Occlusion has one budget. The papers claim that Sobol is as faithful as RISE "
            "at half of its passes, and HSIC up to 8 times faster than the best; they publish no "
            "such curve that is available."
        )


def _best(means: pd.DataFrame) -> str:
    """Say which method is best at the smallest and at the largest budgets."""
    parts = []
    for (dataset, model, _), rows in means.groupby(RUN, sort=False):
        for metric, sign in (("Deletion", -1), ("Insertion", 1), ("MuFidelity", 1)):
            of_metric = rows[rows["metric"] == metric].sort_values("forwards")
            ends = of_metric.groupby("method")
            few, many = (_top(end, sign) for end in (ends.first(), ends.last()))
            parts.append(f"{metric} {few} with the fewest passes and {many} with the most")
        where = f"{model} on {dataset}"
        parts[-3] = f"Best on {where}: {parts[-3]}"
    return "; ".join(parts) + "."


def _top(rows: pd.DataFrame, sign: int) -> str:
    best = (sign * rows["mean"]).idxmax()
    return f"{best} ({rows.loc[best, 'mean']:.2f}, {rows.loc[best, 'forwards']:,})"
