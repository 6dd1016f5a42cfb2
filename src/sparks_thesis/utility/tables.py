"""tab-utility: accuracy of every session and Utility: people, and simulated meta-predictors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sparks.stats import Interval, shown
from sparks.utility.answers import BASELINE, CONTROL
from sparks.utility.measures import ALL
from sparks_thesis.common.table import Table
from sparks_thesis.utility.published import FROM_F, MEAN_RATIO, PRINTED, TRAPEZOID
from sparks_thesis.utility.scored import PEOPLE, SIX, OfScenarios, Scored, ordered


@dataclass(frozen=True)
class Utility(OfScenarios):
    """A row a scenario and condition; the analysis of variance of each scenario below it.

    Attributes:
        training: examples that each simulated session adds.
    """

    training: int = 5

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from the tidy scores of the experiment."""
        scored = self.scored(scores)
        rows = [row for name in PEOPLE.values() for row in _people(scored, name)]
        rows += [row for name in scored.names for row in self._simulated(scored, name)]
        numbers = pd.DataFrame(rows)
        text = pd.DataFrame([_text(row, scored.kinds) for row in rows])
        return Table(numbers, text, self._caption(scored, numbers))

    def _simulated(self, scored: Scored, name: str) -> list[dict[str, Any]]:
        """Return the numbers of simulated participants in one scenario, with Utility by kind."""
        together = scored.measured[scored.measured["scenario"] == name]
        p = scored.tukey(name)
        conditions = ordered(set(together["condition"]))
        rows = []
        for condition in conditions:
            own = together[together["condition"] == condition]
            row: dict[str, Any] = {"who": "simulated", "scenario": name, "condition": condition}
            accuracies = own[own["metric"] == "MetaPredictorAccuracy"].set_index("session")["mean"]
            row |= {f"session {s}": accuracies[s] for s in sorted(accuracies.index) if s != ALL}
            row["participants"] = int(own["n"].iloc[0])
            if condition != BASELINE:
                utility = scored.utility(name, condition)
                row |= {"utility": utility.mean, "low": utility.low, "high": utility.high}
                row |= {k: scored.by_kind[name, condition, k] for k in scored.kinds}
                row["p"] = p[condition]
            rows.append(row)
        test = scored.anova(name)
        freedom = f"F({test.between}, {test.within})"
        found = {"f": test.f, "p": test.p, "eta2": test.eta2}
        return [*rows, {"who": "simulated", "scenario": name, "condition": freedom, **found}]

    def _caption(self, scored: Scored, numbers: pd.DataFrame) -> str:
        people = numbers[numbers["who"] == "people"]
        off = (people["utility"] - people["printed"]).abs().max()
        wrong = (people["trapezoid"] - people["printed"]).abs().max()
        means = scored.simulated.groupby(["metric", "dataset"], sort=False)["value"].mean()
        models = "; ".join(
            f"{data}: right on {means['ModelAccuracy'][data]:.0%} of the test images, wrong on "
            f"{means['ShownWrong'][data]:.0%} of those used"
            for data in means["ShownWrong"].index
        )
        kinds = scored.kinds
        each = scored.sessions.groupby(["scenario", "condition", "kind"])["participant"].nunique()
        return (
            "Accuracy (%) in predicting the model's output on new images after each of three "
            "sessions, and Utility, the mean of these divided by that of the baseline. People: as "
            "printed by Colin et al. (2022), whose answers are not public; Utility recomputed "
            f"from the sessions (in brackets as printed; at most {off:.3f} apart, by the trapezoid "
            f"rule {wrong:.3f}), its interval, Tukey's p against the baseline and η² from the "
            f"printed F and the means (in brackets as printed). Simulated: {int(each.min())} "
            f"learners of each kind ({', '.join(kinds)}; column by kind: Utility of each) in each "
            f"condition, {self.training} examples a session; no person took part. "
            f"{self.bootstrap.level:.0%} bootstrap intervals over participants. The models: "
            f"{models}. Control: a bottom-up saliency map. Oracle: attention to what decides; "
            "Elsewhere: to everything else; Random: noise. Concepts: CRAFT's, as one map (Tukey's "
            "p among all conditions; in no other test)."
        )


def _people(scored: Scored, name: str) -> list[dict[str, Any]]:
    """Return numbers of people in one of the paper's scenarios, printed and recomputed."""
    rows = scored.people[scored.people["dataset"] == name]
    value = rows.set_index(["metric", "method", "source"])["value"].to_dict()
    sessions = rows[rows["metric"] == "MetaPredictorAccuracy"]
    accuracy = sessions.set_index(["method", "session"])["value"].to_dict()
    found = []
    for method in (BASELINE, CONTROL, *SIX):
        row = {"who": "people", "scenario": name, "condition": method}
        row |= {f"session {s}": accuracy[(method, s)] for s in (1, 2, 3)}
        if method != BASELINE:
            utility = value[("Utility", method, MEAN_RATIO)]
            error = 1.96 * value[("UtilityError", method, FROM_F)]
            row |= {"utility": utility, "low": utility - error, "high": utility + error}
            row["printed"] = value[("Utility", method, PRINTED)]
            row["trapezoid"] = value[("Utility", method, TRAPEZOID)]
            row["p"] = value[("Tukey HSD p", method, FROM_F)]
            row["printed p"] = value.get(("Tukey HSD p", method, PRINTED), float("nan"))
        found.append(row)
    test = {"f": value[("ANOVA F", "", PRINTED)], "p": value[("ANOVA p", "", FROM_F)]}
    test["eta2"] = value[("EtaSquared", "", FROM_F)]
    test["printed eta2"] = value.get(("EtaSquared", "", PRINTED), float("nan"))
    return [*found, {"who": "people", "scenario": name, "condition": "F", **test}]


def _text(row: Mapping[str, Any], kinds: Sequence[str]) -> dict[str, str]:
    """Lay a row out for reading."""
    cells = {"who": row["who"], "scenario": row["scenario"], "condition": row["condition"]}
    for session in (1, 2, 3):
        value = row.get(f"session {session}")
        cells[f"{session}"] = "" if value is None else f"{100 * value:.1f}"
    cells["Utility"] = ""
    if "f" in row:
        known = not math.isnan(row["f"])  # all answers alike leave nothing to test
        cells["condition"] += f" = {row['f']:.2f}" if known else " n/a"
        cells["Utility"] = f"η² {row['eta2']:.3f}" if known else "n/a"
        cells["Utility"] += _bracket(row.get("printed eta2"), 3)
    elif "utility" in row:
        interval = Interval(row["utility"], row["low"], row["high"], 0)
        cells["Utility"] = shown(interval, 2) + _bracket(row.get("printed"), 2)
    cells["by kind"] = " ".join(f"{row[kind]:.2f}" for kind in kinds if kind in row)
    p = row.get("p")
    cells["p"] = "" if p is None else _p(p) + _bracket(row.get("printed p"), 3)
    return cells


def _p(p: float) -> str:
    if math.isnan(p):
        return "n/a"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def _bracket(value: float | None, digits: int) -> str:
    return "" if value is None or pd.isna(value) else f" ({value:.{digits}f})"
