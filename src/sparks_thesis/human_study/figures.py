"""fig-study-k: how much better people predict a model after K explained examples than without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.utility.answers import BASELINE
from sparks_thesis.common.methods import look
from sparks_thesis.common.style import PAGE, Drawing, style
from sparks_thesis.human_study.tables import rejected

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Share of the distance between two K that conditions at one K spread over, beside each other.
SPREAD = 0.7


@dataclass(frozen=True)
class StudyK:
    """Utility-K against K, a panel a scenario.

    Attributes:
        columns: panels beside each other.
    """

    columns: int = 3

    def __call__(self, study: pd.DataFrame) -> Drawing:
        """Draw the figure from the measures of a study."""
        rows = study[study["metric"] == "UtilityK"]
        if rows.empty:
            raise SparksError(
                "fig-study-k needs a condition beside the baseline: no participant took part in one"
            )
        scenarios = list(dict.fromkeys(rows["scenario"]))
        conditions = list(dict.fromkeys(rows["condition"]))
        with style():
            from matplotlib.figure import Figure

            across = min(self.columns, len(scenarios))
            down = -(-len(scenarios) // across)
            size = (PAGE * max(across, 1.6) / self.columns, 2.3 * down + 0.6)
            figure: Any = Figure(figsize=size, layout="constrained")
            axes = figure.subplots(down, across, squeeze=False, sharey=True)
            for axis, scenario in zip(axes.flat, scenarios, strict=False):
                self._panel(axis, rows[rows["scenario"] == scenario], conditions)
                axis.set_title(scenario.replace("/", "\n"))
                axis.set_xlabel("K, examples seen")
            for axis in axes.flat[len(scenarios) :]:
                axis.set_visible(False)
            for line in axes:
                line[0].set_ylabel("Utility-K")
            handles = {
                label: handle
                for axis in axes.flat
                for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
            }
            figure.legend(
                [handles[name] for name in [*conditions, BASELINE]], [*conditions, BASELINE],
                loc="outside right upper", frameon=False,
            )  # fmt: skip
        return Drawing(figure, self._caption(study))

    def _panel(self, axis: Axes, rows: pd.DataFrame, conditions: list[str]) -> None:
        ticks = sorted(set(rows["k"]))
        step = SPREAD * (min(np.diff(ticks)) if len(ticks) > 1 else 1) / len(conditions)
        for place, condition in enumerate(conditions):
            line = rows[rows["condition"] == condition].sort_values("k")
            if line.empty:
                continue
            x = line["k"] + step * (place - (len(conditions) - 1) / 2)
            ends = (line["mean"] - line["low"], line["high"] - line["mean"])
            axis.errorbar(
                x, line["mean"], yerr=ends, **look(condition), lw=1, ms=4, elinewidth=0.7,
                label=condition,
            )  # fmt: skip
        axis.axhline(1, color="#333333", lw=0.8, ls="--", label=BASELINE)
        axis.set_xticks(ticks)

    @staticmethod
    def _caption(study: pd.DataFrame) -> str:
        shown = study[(study["metric"] == "MetaPredictorAccuracy") & (study["session"] == 0)]
        sizes = sorted({shown["n"].min(), shown["n"].max()})
        groups = " to ".join(str(n) for n in sizes)
        return (
            "Answers of participants in this study: accuracy in predicting the model's output "
            "after K explained examples, divided by that of the baseline group, which saw no "
            f"explanation (its mean over sessions, as in the paper's Table 1). {groups} people in "
            "each condition; 95% bootstrap intervals over people, resampled in both groups. "
            f"Points at the same K are drawn side by side. {rejected(study)} Values above 1 mean "
            "that explanations help. colin2022utility (its figure 3) found that they help on "
            "biased Husky-Wolf and on leaves, but not on hard ImageNet classes."
        )
