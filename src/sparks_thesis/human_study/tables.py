"""tab-study: what a study with people gave, one row a condition."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Interval, shown
from sparks_thesis.common.table import Table

# Of every row, in this order: metric, session (0: all), heading, digits, scale.
_ALL = (
    ("MetaPredictorAccuracy", "right %", 1, 100.0),
    ("Utility", "Utility", 2, 1.0),
    ("Difference", "right % − baseline", 1, 100.0),
)


@dataclass(frozen=True)
class Study:
    """Accuracy, Utility and the tests of every condition."""

    def __call__(self, study: pd.DataFrame) -> Table:
        """Make the table from the measures of a study."""
        whole = study[study["session"] == 0]
        people = whole[whole["metric"] == "MetaPredictorAccuracy"]
        if people.empty:
            raise SparksError("tab-study has nobody to show: run `snakemake study_results`")
        rows = []
        for scenario, condition, n in people[["scenario", "condition", "n"]].itertuples(
            index=False
        ):
            here = whole[(whole["scenario"] == scenario) & (whole["condition"] == condition)]
            found = {row.metric: row for row in here.itertuples(index=False)}
            cells = {"scenario": scenario, "condition": condition, "people": str(n)}
            for metric, heading, digits, scale in _ALL:
                row = found.get(metric)
                cells[heading] = "" if row is None else _interval(row, digits, scale)
            p = found.get("TukeyP")
            cells["p (Tukey)"] = "" if p is None else _p(float(p.mean))
            rows.append(cells)
        numbers = study.reset_index(drop=True)
        return Table(numbers, pd.DataFrame(rows), self._caption(study))

    @staticmethod
    def _caption(study: pd.DataFrame) -> str:
        return (
            "Answers of participants in this study. Right: accuracy in predicting the model's "
            "output, over all sessions; Utility: that accuracy divided by the baseline group's; "
            "95% bootstrap intervals over people. Difference from the baseline with its "
            "simultaneous 95% interval, and p, by Tukey's test over all pairs of conditions. "
            f"{_anova(study)} {rejected(study)} colin2022utility (Table 1) reports Utility up to "
            "1.34 (GradCAM, Husky-Wolf) with about 30 people in each condition."
        )


def rejected(study: pd.DataFrame) -> str:
    """Say how many files of answers did not count."""
    number = int(study.loc[study["metric"] == "Rejected", "mean"].sum())
    if number == 0:
        return "All files of answers count."
    return f"{number} file{'s' * (number > 1)} of answers did not count (listed with reasons)."


def _anova(study: pd.DataFrame) -> str:
    details = []
    for scenario, rows in study[study["scenario"] != ""].groupby("scenario", sort=False):
        value = rows[rows["condition"] == ""].set_index("metric")["mean"]
        if "F" not in value:
            details.append(f"{scenario}: no test, a condition has fewer than two people")
        else:
            freedom = f"{value['Between']:.0f}, {value['Within']:.0f}"
            details.append(
                f"{scenario}: F({freedom}) = {value['F']:.2f}, p {_p(value['P'], '= ')}, η² = "
                f"{value['Eta2']:.2f}"
            )
    return f"One-way ANOVA over people: {'; '.join(details)}."


def _interval(row: object, digits: int, scale: float) -> str:
    mean, low, high, n = (getattr(row, name) for name in ("mean", "low", "high", "n"))
    return shown(Interval(mean, low, high, n), digits, scale)


def _p(value: float, sign: str = "") -> str:
    if value != value:
        return f"{sign}n/a"
    return "< .001" if value < 0.001 else f"{sign}{value:.3f}".replace("0.", ".", 1)
