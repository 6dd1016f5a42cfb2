"""fig-utility-k and fig-utility-proxies: people above, simulated meta-predictors below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from sparks.utility.answers import BASELINE
from sparks_thesis.common.methods import in_order, look
from sparks_thesis.common.style import PAGE, Drawing, style
from sparks_thesis.utility.proxies import COMPLEXITY, FAITHFULNESS, PROXIES, SIMILARITY
from sparks_thesis.utility.published import ALL_SCENARIOS
from sparks_thesis.utility.scored import (
    ELSEWHERE,
    NOISE,
    ORACLE,
    PEOPLE,
    OfScenarios,
    Scored,
    ordered,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Controls of the assay are no methods: thin and dotted, so that these stay in sight.
LOOKS = {
    ORACLE: {"color": "#000000", "marker": "^", "ls": ":"},
    ELSEWHERE: {"color": "#888888", "marker": "v", "ls": ":"},
    NOISE: {"color": "#888888", "marker": "x", "ls": ":"},
}
PEOPLE_SESSION = 5  # examples that each of the paper's sessions adds
LABELS = {
    FAITHFULNESS: "faithfulness\n1 − Deletion",
    COMPLEXITY: "complexity\nJPEG size of the map",
    SIMILARITY: "perceptual similarity\nof what is shown for either output",
}
# Scenarios, distinguishable by colour-blind readers (Okabe & Ito).
COLOURS = ("#0072B2", "#009E73", "#D55E00", "#CC79A7")


@dataclass(frozen=True)
class UtilityK(OfScenarios):
    """Utility-K against K, a column a scenario.

    Attributes:
        training: examples that each simulated session adds.
    """

    training: int = 5

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from the tidy scores of the experiment."""
        scored = self.scored(scores)
        with style():
            from matplotlib.figure import Figure

            figure = Figure(figsize=(PAGE, 4.3), layout="constrained")
            axes = figure.subplots(2, len(PEOPLE), squeeze=False, sharey="row")
            for axis, name in zip(axes[0], PEOPLE.values(), strict=True):
                self._curves(axis, self._people(scored, name), PEOPLE_SESSION, name)
            names = [*scored.names, *[""] * len(PEOPLE)][: len(PEOPLE)]
            for axis, name in zip(axes[1], names, strict=True):
                if not name:
                    axis.set_visible(False)
                else:
                    rows = scored.measured[scored.measured["scenario"] == name]
                    self._curves(axis, rows, self.training, scored.data(name))
                    axis.set_xlabel("K, examples seen")
            axes[0, 0].set_ylabel("people\nUtility-K")
            axes[1, 0].set_ylabel("simulated\nUtility-K")
            figure.legend(
                *axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4,
                frameon=False,
            )  # fmt: skip
        return Drawing(figure, self._caption(scored))

    def _people(self, scored: Scored, name: str) -> pd.DataFrame:
        """Return Utility-K of people, in the columns of a summary; no interval can be had."""
        rows = scored.people[
            (scored.people["dataset"] == name) & (scored.people["metric"] == "UtilityK")
        ]
        session = rows["session"].astype(int)
        return pd.DataFrame(
            {"condition": rows["method"], "metric": "UtilityK", "session": session}
            | dict.fromkeys(("mean", "low", "high"), rows["value"])
        )

    def _curves(self, axis: Axes, rows: pd.DataFrame, step: int, title: str) -> None:
        rows = rows[rows["metric"] == "UtilityK"]
        conditions = ordered(set(rows["condition"]) - {BASELINE})
        for place, condition in enumerate(conditions):
            one = rows[rows["condition"] == condition].sort_values("session")
            shift = (place - len(conditions) / 2) * 0.045 * step  # else intervals cover each other
            error = [one["mean"] - one["low"], one["high"] - one["mean"]]
            axis.errorbar(
                step * one["session"] + shift, one["mean"], yerr=error, label=condition,
                markersize=4, lw=1, elinewidth=0.6, **(LOOKS.get(condition) or look(condition)),
            )  # fmt: skip
        axis.axhline(1, color="k", lw=0.6, ls=":")
        axis.set_xticks([step * s for s in sorted(rows["session"].unique())])
        axis.set_title(title)

    def _caption(self, scored: Scored) -> str:
        n = scored.measured["n"].min()
        return (
            "Utility-K: accuracy in predicting the model's output on new images after K explained "
            "examples, over the baseline's mean accuracy (dotted: no better than without "
            "explanation). Above, people: from the printed accuracies of Colin et al. (2022), "
            "about 30 a condition; their answers are not public, so no interval. Below, simulated "
            f"meta-predictors ({', '.join(scored.kinds)}), {n} a condition, no person: "
            f"{self.bootstrap.level:.0%} bootstrap intervals over participants; points are shifted "
            "sideways for legibility. Control: a map that ignores the model. Concepts: CRAFT's, "
            "as one map, a condition that the study with people did not have. Oracle, Elsewhere, "
            "Random: attention to what decides, attention to everything else, and noise, the "
            "controls of the simulation."
        )


@dataclass(frozen=True)
class Proxies(OfScenarios):
    """Utility of each method against what can be measured without people, a column a proxy."""

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from the tidy scores of the experiment."""
        scored = self.scored(scores)
        shown = {"people": list(PEOPLE.values()), "simulated": scored.names}
        with style():
            from matplotlib.figure import Figure

            figure = Figure(figsize=(PAGE, 5.2), layout="constrained")
            axes = figure.subplots(2, len(PROXIES), squeeze=False, sharey="row")
            for line, (source, names) in zip(axes, shown.items(), strict=True):
                for axis, proxy in zip(line, PROXIES, strict=True):
                    self._points(axis, scored, source, proxy, names)
                line[0].set_ylabel(f"{source}\nUtility")
            for axis, proxy in zip(axes[1], PROXIES, strict=True):
                axis.set_xlabel(LABELS[proxy])
            self._legend(figure, scored)
        return Drawing(figure, self._caption(scored))

    def _points(
        self, axis: Axes, scored: Scored, source: str, proxy: str, names: Sequence[str]
    ) -> None:
        """Draw the methods of every scenario, and tell the correlation of each."""
        points = scored.points
        points = points[(points["source"] == source) & (points["proxy"] == proxy)]
        lines = []
        for colour, name in zip(COLOURS, names, strict=False):
            own = points[points["scenario"] == name]
            for row in own.to_dict("records"):
                marker = look(row["method"])["marker"]
                axis.scatter(
                    row["value"], row["utility"], marker=marker, color=colour, s=28, lw=0.8
                )
            if len(own):
                found = scored.related(source, proxy, name)
                short = name if source == "people" else scored.data(name)
                short = short.replace("ImageNet ", "")
                lines.append((f"{short}: r = {_r(found['r'])}", colour))
        if len(names) > 1:
            together = scored.related(source, proxy, ALL_SCENARIOS)
            lines.append((f"all: r = {_r(together['r'])}", "k"))
        for place, (text, colour) in enumerate(lines):
            axis.annotate(
                text, (0, 1), xytext=(2, 30 - 9 * place), xycoords="axes fraction",
                textcoords="offset points", color=colour, fontsize=6.5,
            )  # fmt: skip
        axis.axhline(1, color="k", lw=0.6, ls=":")

    def _legend(self, figure: object, scored: Scored) -> None:
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], ls="", color="0.3", marker=look(method)["marker"], label=method)
            for method in in_order(set(scored.points["method"]))
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False)  # type: ignore[attr-defined]

    def _caption(self, scored: Scored) -> str:
        count = scored.points["method"].nunique()
        return (
            f"Utility of {count} methods (marks) in each scenario (colours) against three measures "
            "that need no people; r: Pearson's correlation, over methods. Above: points read from "
            "the paper's figures 4 to 6 (Colin et al. 2022; one complexity of Husky vs Wolf is "
            "hidden there). Below: simulated meta-predictors and our maps, no person; complexity "
            "in JPEG bytes a pixel, similarity of highlighted regions as by LPIPS, on the "
            "features of EfficientNet-Lite0."
        )


def _r(value: float) -> str:
    return "n/a" if pd.isna(value) else f"{value:+.2f}".replace("-", "−")
