"""fig-sobol-samplers: how well total indices are estimated, by sequence, estimator and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap
from sparks_thesis.common.style import PAGE, Drawing, mean_line, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEFAULT = "sobol, scrambled"
_COLOURS = {
    "sobol": "#0072B2",
    "halton": "#D55E00",
    "latin-hypercube": "#009E73",
    "monte-carlo": "#000000",
    "jansen": "#0072B2",
    "janon": "#E69F00",
    "homma-saltelli": "#CC79A7",
    "glen-isaacs": "#009E73",
    "saltelli": "#000000",
}


@dataclass(frozen=True)
class Samplers:
    """Errors on functions whose indices are known, and rank correlations on images.

    Attributes:
        points: N at which the caption states biases.
        bootstrap: of the means, over repeats or images.
    """

    points: int = 32
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, samplers: pd.DataFrame) -> Drawing:
        """Draw the figure.

        Args:
            samplers: errors and correlations; `method` is the sequence, `dataset` the function (no
                model), or the images.
        """
        analytic, images = samplers[samplers["model"] == ""], samplers[samplers["model"] != ""]
        functions = list(dict.fromkeys(analytic["dataset"]))
        if not functions or images.empty:
            raise SparksError("fig-sobol-samplers needs errors on functions and on images")
        points = min(set(analytic["points"]), key=lambda n: abs(n - self.points))
        bias = _bias(analytic, points)
        with style():
            figure, rows = self._canvas(len(functions))
            errors = analytic[analytic["metric"] == "RelativeError"]
            for place, function in enumerate(functions):
                here = errors[errors["dataset"] == function]
                upper, lower = rows[0][place], rows[1][place]
                self._lines(upper, here[here["estimator"] == "jansen"], "method")
                self._lines(lower, here[here["method"] == DEFAULT], "estimator")
                upper.set_title(function)
                for axis in (upper, lower):
                    axis.set_yscale("log")
                    _powers(axis, here["points"])
                    axis.label_outer()
            rows[0][0].set_ylabel("relative error of ST")
            rows[1][0].set_ylabel("relative error of ST")
            self._matrix(rows[2][0], bias, points)
            self._on_images(rows[2][1:], images)
            for axis in (*rows[1], *rows[2][1:]):
                axis.set_xlabel("N")
            _legend(figure, rows[0][0], "Sequence (estimator: jansen)", "upper center")
            _legend(figure, rows[1][0], "Estimator (sequence: sobol, scrambled)", "lower center")
        return Drawing(figure, self._caption(bias, points, analytic, images))

    @staticmethod
    def _canvas(columns: int) -> tuple[Figure, list[Sequence[Axes]]]:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(PAGE, 7.6), layout="constrained")
        parts: Any = figure.subfigures(2, 1, height_ratios=[1.7, 1], hspace=0.02)
        lines = parts[0].subplots(2, columns, sharex="col", sharey=True)
        grid = parts[1].subplots(1, 3, width_ratios=[1.6, 1, 1])
        return figure, [lines[0], lines[1], grid]

    def _lines(self, axis: Axes, rows: pd.DataFrame, by: str) -> None:
        """Draw the mean against N, one line a sequence or estimator, with its interval."""
        for name, line in rows.groupby(by, sort=False):
            look = {"label": str(name), "lw": 1.1, **_look(str(name))}
            mean_line(axis, line, "points", self.bootstrap, **look)

    def _on_images(self, axes: Sequence[Axes], images: pd.DataFrame) -> None:
        rows = images[images["metric"] == "ReferenceSpearman"]
        rows = _of_sequences(rows)
        names = ", ".join(dict.fromkeys(rows["dataset"]))
        self._lines(axes[0], rows[rows["estimator"] == "jansen"], "method")
        self._lines(axes[1], rows[rows["method"] == DEFAULT], "estimator")
        limits = [bound for axis in axes for bound in axis.get_ylim()]
        for axis, what in zip(axes, ("sequences", "estimators"), strict=True):
            axis.set(ylim=(min(limits), max(limits)), title=f"{names}: {what}")
            _powers(axis, rows["points"])
        axes[0].set_ylabel("rank correlation with reference")

    @staticmethod
    def _matrix(axis: Axes, bias: pd.DataFrame, points: int) -> None:
        axis.imshow(bias.abs(), cmap="Oranges", vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(bias.to_numpy(dtype=float)):
            ink = "white" if abs(value) > 0.6 else "black"
            axis.text(column, row, f"{value:+.0%}", ha="center", va="center", fontsize=7, color=ink)
        short = [str(name).replace("additive, ", "additive\n").split(", ")[0] for name in bias]
        axis.set_xticks(range(len(short)), short, rotation=40, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(len(bias)), list(bias.index))
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
        axis.set_title(f"Bias of Σ ST at N = {points}")

    def _caption(
        self, bias: pd.DataFrame, points: int, analytic: pd.DataFrame, images: pd.DataFrame
    ) -> str:
        repeats = analytic["repeat"].nunique()
        details = "; ".join(
            f"{name}: {of['sobol, unscrambled']:+.0%} unscrambled, {of[DEFAULT]:+.0%} scrambled"
            for name, of in bias.to_dict().items()
        )
        reference = images[(images["metric"] == "ReferenceSpearman")]
        largest = reference["points"].max()
        chosen = reference[(reference["points"] == largest) & (reference["estimator"] == "jansen")]
        on_images = ", ".join(
            f"{name} {rows['value'].mean():.2f}"
            for name, rows in _of_sequences(chosen).groupby("method", sort=False)
        )
        sets = ", ".join(
            f"{rows['image'].nunique()} of {name}" for name, rows in images.groupby("dataset")
        )
        return (
            "Total Sobol indices by sequence, estimator and number of points N (N (d + 2) "
            "evaluations). Upper rows: mean absolute error over the mean index, on functions whose "
            f"indices are known, mean of {repeats} seeds with its {self.bootstrap.level:.0%} "
            "bootstrap band (unscrambled Sobol and Halton points have no seed). Lower left: bias "
            f"of the sum of the indices at N = {points}, by jansen; for Sobol points, {details}. "
            "Unscrambled points, as the authors' code draws them, place A and B almost alike in "
            "many dimensions. Lower right: rank correlation of the cells' indices with those of a "
            f"large design, images explained: {sets}; at N = {largest} by jansen: {on_images}; "
            "homma-saltelli and saltelli order the cells alike. The paper's own ablations are not "
            "available."
        )


def _of_sequences(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out the default's other seed and shuffled scores, which are controls of claims."""
    return rows[~rows["method"].str.startswith(f"{DEFAULT}, ")]


def _bias(analytic: pd.DataFrame, points: int) -> pd.DataFrame:
    """Return the mean signed error of Σ ST, sequences × functions, by jansen."""
    rows = analytic[(analytic["metric"] == "RelativeBias") & (analytic["estimator"] == "jansen")]
    rows = rows[rows["points"] == points]
    return rows.pivot_table(index="method", columns="dataset", values="value", sort=False)


def _powers(axis: Axes, points: pd.Series[int]) -> None:
    """Mark the numbers of points on a logarithmic axis, every other one of many."""
    axis.set_xscale("log", base=2)
    marks = sorted(set(points))
    marks = marks[::2] if len(marks) > 4 else marks
    axis.set_xticks(marks, [f"{n}" for n in marks])


def _look(name: str) -> dict[str, Any]:
    return {
        "color": _COLOURS.get(name.split(",")[0], "#999999"),
        "ls": "--" if name.endswith("unscrambled") else "-",
        "marker": "o",
        "ms": 2,
    }


def _legend(figure: Any, axis: Axes, title: str, where: str) -> None:
    handles, labels = axis.get_legend_handles_labels()
    columns = -(-len(labels) // 2) if len(labels) > 5 else len(labels)
    figure.legend(
        handles, labels, title=title, ncols=columns, loc=f"outside {where}", frameon=False
    )
