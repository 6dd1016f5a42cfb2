"""Everything that figures, tables and claims say of Utility, from an experiment's tidy rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, correlation
from sparks.utility.answers import BASELINE, CONTROL, sessions_of
from sparks.utility.comparisons import Anova, anova, tukey
from sparks.utility.measures import summary
from sparks_thesis.common.methods import in_order
from sparks_thesis.utility.proxies import PROXIES
from sparks_thesis.utility.published import ALL_SCENARIOS, PRINTED

# The paper's methods, in the order of its table.
SIX = (
    "Saliency", "GradientInput", "IntegratedGradients", "SmoothGrad", "GradCAM", "Occlusion",
)  # fmt: skip
# CRAFT in the same protocol (Fel et al. 2023): not among the conditions of the paper's tests.
CONCEPTS = "Concepts"
# Controls of the assay (see `controls`), in none of the paper's tests either.
ORACLE, ELSEWHERE, NOISE = "Oracle", "Elsewhere", "Random"
ASIDE = (CONCEPTS, ORACLE, ELSEWHERE, NOISE)
# The paper's scenarios by what they ask.
PEOPLE = {
    "bias": "Husky vs Wolf",
    "rule": "Leaves",
    "hard": "ImageNet Kit fox vs Red fox",
}


def ordered(conditions: Set[str]) -> list[str]:
    """Sort conditions: baseline, control, methods in their order, concepts, the controls."""
    rest = conditions - {BASELINE, CONTROL, *ASIDE}
    every = (BASELINE, CONTROL, *in_order(rest), *ASIDE)
    return [condition for condition in every if condition in conditions]


@dataclass(frozen=True)
class Scored:
    """Utility of people (published) and of simulated participants.

    Attributes:
        table: tidy rows of the experiment `utility`.
        bootstrap: over simulated participants.
        scenarios: what a scenario asks ("bias", "rule", "hard") → our data set for it.
    """

    table: pd.DataFrame
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    scenarios: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def simulated(self) -> pd.DataFrame:
        """Rows of simulated participants and of the maps that they saw."""
        return self.table[self.table["source"] == ""]

    @cached_property
    def people(self) -> pd.DataFrame:
        """Rows of the paper's numbers, printed and recomputed."""
        return self.table[self.table["source"] != ""]

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """Accuracies of simulated participants, a row a session, and their `kind`.

        Raises:
            SparksError: when nobody took part.
        """
        rows = self.simulated[self.simulated["metric"] == "MetaPredictorAccuracy"]
        if rows.empty:
            raise SparksError("no meta-predictor was simulated: run the experiment utility")
        return sessions_of(rows).assign(kind=rows["learner"])

    @property
    def kinds(self) -> list[str]:
        """The kinds of simulated participants."""
        return list(dict.fromkeys(self.sessions["kind"]))

    @cached_property
    def names(self) -> list[str]:
        """The simulated scenarios, "model on data set", in the order of `scenarios`."""
        found = list(dict.fromkeys(self.sessions["scenario"]))
        order = list(self.scenarios.values())
        return sorted(
            found, key=lambda n: order.index(self.data(n)) if self.data(n) in order else 99
        )

    @cached_property
    def runs(self) -> dict[str, tuple[str, str]]:
        """Simulated scenario → its model and data set."""
        rows = self.simulated[["model", "dataset"]].drop_duplicates()
        return {f"{m} on {d}": (m, d) for m, d in rows.itertuples(index=False, name=None)}

    def data(self, name: str) -> str:
        """Return the data set of a simulated scenario."""
        return self.runs[name][1]

    def methods(self, name: str) -> set[str]:
        """Labels of the methods whose maps were shown in a simulated scenario."""
        shown = self.measured.loc[self.measured["scenario"] == name, "condition"]
        return set(shown) - {BASELINE, CONTROL, *ASIDE}

    def conditions(self, name: str) -> set[str]:
        """Return the conditions of a simulated scenario."""
        return set(self.measured.loc[self.measured["scenario"] == name, "condition"])

    def baseline(self, name: str) -> float:
        """Return the accuracy of simulated participants without explanations, in [0, 1]."""
        rows = self.sessions
        rows = rows[(rows["scenario"] == name) & (rows["condition"] == BASELINE)]
        return float(rows["accuracy"].mean())

    def people_baseline(self, scenario: str) -> float:
        """Return that of people, mean over the printed sessions; NaN where they were not read."""
        rows = self.people[self.people["metric"] == "MetaPredictorAccuracy"]
        rows = rows[(rows["dataset"] == scenario) & (rows["method"] == BASELINE)]
        return float(rows["value"].mean())

    def named(self, role: str) -> str | None:
        """Return the simulated scenario that asks what `role` says; None if it was not run."""
        wanted = self.scenarios.get(role)
        return next((name for name in self.names if self.data(name) == wanted), None)

    @cached_property
    def measured(self) -> pd.DataFrame:
        """`summary` of everyone who was simulated, whatever the kind."""
        return summary(self.sessions, bootstrap=self.bootstrap)

    @cached_property
    def by_kind(self) -> pd.Series:
        """Utility of each kind by itself, without interval: scenario, condition, kind → value."""
        means = self.sessions.groupby(["scenario", "condition", "kind"])["accuracy"].mean()
        base = means.xs(BASELINE, level="condition")
        ratio: pd.Series = means / base.reindex(means.index.droplevel("condition")).to_numpy()
        return ratio

    def utility(self, name: str, condition: str) -> Interval:
        """Return the Utility of a condition in a simulated scenario.

        Raises:
            SparksError: when nobody was in that condition.
        """
        rows = self.measured
        rows = rows[
            (rows["scenario"] == name)
            & (rows["condition"] == condition)
            & (rows["metric"] == "Utility")
        ]
        if rows.empty:
            raise SparksError(f"{name} has no Utility of {condition!r}")
        row = rows.iloc[0]
        return Interval(row["mean"], row["low"], row["high"], int(row["n"]))

    @cached_property
    def of_the_paper(self) -> pd.DataFrame:
        """`sessions` of the paper's conditions: what is shown beside them changes no test."""
        return self.sessions[self.sessions["condition"].isin([BASELINE, CONTROL, *SIX])]

    def anova(self, name: str) -> Anova:
        """Analyse the variance of a simulated scenario, over the paper's conditions."""
        return anova(self.of_the_paper, name)

    def tukey(self, name: str) -> pd.Series:
        """Return condition → Tukey's p against the baseline, in a simulated scenario.

        Those of the paper's conditions are from a test of these alone, all others from a test of
        all conditions.
        """
        paper = _tukey_p(self.of_the_paper, name)
        if set(self.sessions["condition"]) == set(self.of_the_paper["condition"]):
            return paper
        everyone = _tukey_p(self.sessions, name)
        return paper.reindex(everyone.index).fillna(everyone)

    @cached_property
    def points(self) -> pd.DataFrame:
        """Utility and proxies of each method: source, scenario, method, proxy, value, utility.

        `source` is "people" (published points) or "simulated".
        """
        rows = []
        for name in self.names:
            model, data = self.runs[name]
            own = (self.simulated["dataset"] == data) & (self.simulated["model"] == model)
            means = self.simulated[own].groupby(["method", "metric"])["value"].mean()
            for method in in_order(self.methods(name)):
                for proxy in PROXIES:
                    value = means.get((method, proxy), float("nan"))
                    utility = self.utility(name, method).mean
                    rows.append(("simulated", name, method, proxy, value, utility))
        printed = self.people[self.people["source"] == PRINTED]
        known = printed[printed["metric"] == "Utility"].set_index(["dataset", "method"])["value"]
        of_proxies = self.people[self.people["metric"].isin(PROXIES)]
        for row in of_proxies.to_dict("records"):
            utility = known[(row["dataset"], row["method"])]
            rows.append(
                ("people", row["dataset"], row["method"], row["metric"], row["value"], utility)
            )
        columns = ["source", "scenario", "method", "proxy", "value", "utility"]
        return pd.DataFrame(rows, columns=columns).dropna()

    @cached_property
    def correlations(self) -> pd.DataFrame:
        """Proxies against Utility: source, proxy, scenario, r, p, n, low, high.

        The methods are the units; "all three" takes the points of all scenarios together.
        """
        rows = []
        for (source, proxy), points in self.points.groupby(["source", "proxy"], sort=False):
            groups = dict(list(points.groupby("scenario", sort=False))) | {ALL_SCENARIOS: points}
            for scenario, group in groups.items():
                found = correlation(group["value"], group["utility"], self.bootstrap.level)
                rows.append({"source": source, "proxy": proxy, "scenario": scenario, **vars(found)})
        return pd.DataFrame(rows)

    @cached_property
    def as_published(self) -> pd.DataFrame:
        """Return the results with simulated participants by the names of config/published.

        Columns dataset, model, method, condition, metric and value. Utility, analysis of variance,
        Tukey's test and correlations; of all scenarios together, `dataset` is "all three" and
        `model` is empty.
        """
        rows = [row for name in self.names for row in self._tests(name)]
        ours = self.correlations[self.correlations["source"] == "simulated"]
        for row in ours.to_dict("records"):
            together = row["scenario"] == ALL_SCENARIOS
            model, data = ("", ALL_SCENARIOS) if together else self.runs[row["scenario"]]
            names = {"dataset": data, "model": model, "method": ""}
            names["condition"] = f"{row['proxy']} vs Utility, n={row['n']}"
            rows.append({**names, "metric": "Correlation", "value": row["r"]})
            rows.append({**names, "metric": "Correlation p", "value": row["p"]})
        return pd.DataFrame(rows)

    def _tests(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield Utility and the tests of one simulated scenario."""
        model, data = self.runs[name]
        names = {"dataset": data, "model": model, "method": "", "condition": ""}
        test = self.anova(name)
        freedom = {**names, "condition": f"df {test.between},{test.within}"}
        for metric, value in (("ANOVA F", test.f), ("ANOVA p", test.p), ("EtaSquared", test.eta2)):
            yield {**freedom, "metric": metric, "value": value}
        for condition, p in self.tukey(name).items():
            of = {**names, "method": condition}
            yield {**of, "metric": "Utility", "value": self.utility(name, str(condition)).mean}
            yield {**of, "metric": "Tukey HSD p", "condition": "against Baseline", "value": p}

    def related(self, source: str, proxy: str, scenario: str) -> pd.Series:
        """Return one row of `correlations`.

        Raises:
            SparksError: when there is none.
        """
        rows = self.correlations
        rows = rows[
            (rows["source"] == source) & (rows["proxy"] == proxy) & (rows["scenario"] == scenario)
        ]
        if rows.empty:
            raise SparksError(f"{scenario} ({source}) has no points of {proxy}")
        return rows.iloc[0]


def _tukey_p(sessions: pd.DataFrame, name: str) -> pd.Series[float]:
    """Return condition → Tukey's p against the baseline in a scenario."""
    p: pd.Series[float] = tukey(sessions, name).set_index("condition")["p"]
    return p


@dataclass(frozen=True)
class OfScenarios:
    """Base class of figures, tables and claims about Utility.

    Attributes:
        scenarios: "bias", "rule" and "hard" → our data set for it.
        bootstrap: over simulated participants.
    """

    scenarios: Mapping[str, str]
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def scored(self, table: pd.DataFrame) -> Scored:
        """Return what the tidy rows of the experiment say."""
        return Scored(table, self.bootstrap, self.scenarios)
