"""Controls of claims: is the assay able to tell anything at all?

A control gets the rows that a claim is judged on and returns whether it passed, with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import Bootstrap, proportion, shown
from sparks_thesis.common.runs import RUN
from sparks_thesis.common.verdict import Comparison, Outcome, Verdict, above, every, some

Control = Callable[[pd.DataFrame], tuple[bool, str]]
# Scores of a method that is equal to an oracle differ by rounding, in standard deviations.
ROUNDING = 1e-3


@dataclass(frozen=True)
class AtBottom:
    """Maps and orders that do not look at the model score lowest, metric by metric.

    On every data set, model and metric, no method is worse than the control beyond chance (Holm
    over methods), and at least one is better; none is better than the oracle, where there is one.

    Attributes:
        metrics: metric → 1 where higher is better, -1 where lower is.
        methods: labels of the methods that a claim compares; those that were run count.
        control: label of the control.
        oracle: label of a method that knows the answer; empty for none.
        by: other columns by which rows are compared apart.
        where: column → content of the rows that count; empty for all.
        unit: column that numbers the units of the bootstrap.
        models: whose rows count; empty for all.
        bootstrap: of the paired differences, over units.
    """

    metrics: Mapping[str, float]
    methods: Sequence[str]
    control: str = "Random"
    oracle: str = ""
    by: Sequence[str] = ()
    where: Mapping[str, str | float] = field(default_factory=dict)
    unit: str = "image"
    models: Sequence[str] = ()
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether control and oracle are at the ends everywhere, and where they are not."""
        rows = table[table["metric"].isin(list(self.metrics))]
        rows = rows[rows["method"].isin([self.control, self.oracle, *self.methods])]
        # Under the metric's usual settings alone.
        varied = rows["forwards"].notna() | rows["attack_steps"].notna()
        rows = rows[~varied & (rows["bound"] == "")]
        if "baseline" not in self.by:
            rows = rows[rows["baseline"] == ""]
        if self.models:
            rows = rows[rows["model"].isin(list(self.models))]
        for column, content in self.where.items():
            rows = rows[rows[column] == content]
        failing, compared = [], 0
        for names, group in rows.groupby(["dataset", "model", "metric", *self.by]):
            dataset, model, metric, *more = map(str, names)
            wide = group.pivot_table(index=["seed", self.unit], columns="method", values="value")
            methods = [name for name in self.methods if name in wide.columns]
            ends = [self.control, *[self.oracle][: bool(self.oracle)]]
            if not set(ends) <= set(wide.columns) or not methods:
                continue
            compared += 1
            where = " of ".join([metric, *more, f"{model} on {dataset}"])
            failing += self._failing(wide * self.metrics[metric], methods, where)
        if not compared:
            missing = f"{self.control} and {self.oracle}" if self.oracle else self.control
            return False, f"{missing} {'were' if self.oracle else 'was'} not run"
        if failing:
            return False, "; ".join(failing)
        top = f", {self.oracle} at the top" if self.oracle else ""
        return True, f"{self.control} at the bottom{top} in {compared} of {compared}"

    def _failing(self, wide: pd.DataFrame, methods: Sequence[str], where: str) -> list[str]:
        """Return what is wrong in one comparison; `wide`, images x methods, higher is better."""
        gains = {name: self._gain(wide, name, self.control) for name in methods}
        found = []
        if every(list(gains.values())) is Outcome.FAILS:
            below = [name for name, gain in gains.items() if _fails(gain, len(gains))]
            found.append(f"{', '.join(below)} below {self.control} in {where}")
        elif some(list(gains.values())) is not Outcome.HOLDS:
            found.append(f"no method above {self.control} in {where}")
        if self.oracle:
            lost = {name: self._gain(wide, self.oracle, name) for name in methods}
            over = [name for name, gain in lost.items() if _fails(gain, len(lost))]
            found += [f"{', '.join(over)} above {self.oracle} in {where}"] if over else []
        return found

    def _gain(self, wide: pd.DataFrame, first: str, second: str) -> Comparison:
        slack = ROUNDING * float(wide[second].std(ddof=0))
        threshold = -slack if first == self.oracle else 0.0
        return above(self.bootstrap.difference(wide[first], wide[second]), threshold)


def _fails(gain: Comparison, k: int) -> bool:
    return gain.among(k) is Outcome.FAILS


@dataclass(frozen=True)
class Together:
    """Several controls, all of which must pass.

    Attributes:
        controls: one after the other.
    """

    controls: Sequence[Control]

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether all pass, and what each says."""
        found = [control(table) for control in self.controls]
        return all(passed for passed, _ in found), "; ".join(text for _, text in found)


@dataclass(frozen=True)
class Stands:
    """The claim's own check does not hold of a control, and holds of an oracle, where there is one.

    Rows of the control, and of the oracle, take the place of those that the claim is about.

    Attributes:
        check: of the claim.
        column: that says which rows are which.
        own: its content in rows that the claim is about.
        control: its content in rows of the control.
        oracle: its content in rows of the oracle; empty for none.
    """

    check: Callable[[pd.DataFrame], Verdict]
    column: str
    own: str
    control: str
    oracle: str = ""

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the claim tells its subject from the control, and what it says of both."""
        passed, details = True, []
        for name in filter(None, (self.control, self.oracle)):
            rows = table[table[self.column] != self.own]
            there = rows[self.column] == name
            if not there.any():
                return False, f"{name} was not run"
            verdict = self.check(
                rows.assign(**{self.column: rows[self.column].mask(there, self.own)})
            )
            wanted = verdict.outcome is Outcome.HOLDS
            passed &= wanted if name == self.oracle else not wanted
            details.append(f"{name}: {verdict.outcome}, {verdict.measured}")
        return passed, "; ".join(details)


@dataclass(frozen=True)
class Holds:
    """Checks whose answer is known before: each holds.

    Attributes:
        checks: what holds, in words → check on the rows of the claim.
    """

    checks: Mapping[str, Callable[[pd.DataFrame], Verdict]]

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether every check holds, and what it measured."""
        found = {name: check(table) for name, check in self.checks.items()}
        passed = all(verdict.outcome is Outcome.HOLDS for verdict in found.values())
        return passed, "; ".join(
            f"{name}: {verdict.outcome}, {verdict.measured}" for name, verdict in found.items()
        )


@dataclass(frozen=True)
class Separates:
    """A metric is small for what is known to be right and large for what is known to be wrong.

    Attributes:
        metric: judged by its median over units, run by run.
        small: label → what its median must stay below.
        large: label → what its median must exceed.
        objective: of pictures, where the metric is of pictures; empty otherwise.
    """

    metric: str
    small: Mapping[str, float] = field(default_factory=dict)
    large: Mapping[str, float] = field(default_factory=dict)
    objective: str = ""

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether all medians are on their side, and what they are."""
        rows = table[(table["metric"] == self.metric) & (table["objective"] == self.objective)]
        passed, details = True, []
        for (dataset, model), group in rows.groupby(RUN):
            medians = group.groupby("method")["value"].median()
            missing = sorted({*self.small, *self.large} - set(medians.index))
            if missing:
                return False, f"{', '.join(missing)} had no {self.metric} on {dataset}"
            passed &= all(medians[name] < bound for name, bound in self.small.items())
            passed &= all(medians[name] > bound for name, bound in self.large.items())
            found = (f"{name} {medians[name]:.2g}" for name in (*self.small, *self.large))
            details.append(f"median {self.metric} of {model} on {dataset}: {', '.join(found)}")
        return passed and bool(details), "; ".join(details) or f"{self.metric} was not measured"


@dataclass(frozen=True)
class Psychometric:
    """A simulated observer sees what is there to be seen, and nothing else.

    In planted galleries, whose answer is known, it is at chance where nothing is planted and right
    where all is; in galleries of true parts, where these are known, it is above chance.

    Attributes:
        planted: metric of right answers in planted galleries, by `amount`.
        parts: metric of right answers in galleries of true parts; empty for none.
        chance: of a right answer.
        near: largest distance from chance, of the interval, where nothing is planted.
        top: that the lower end must exceed where all is planted.
    """

    planted: str
    parts: str = ""
    chance: float = 0.2
    near: float = 0.05
    top: float = 0.8

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the observer passed on every run, with its psychometric curve."""
        rows = table[table["metric"] == self.planted]
        if rows.empty:
            return False, "the observer was shown no planted galleries"
        passed, details = True, []
        for (dataset, model), group in rows.groupby(RUN):
            amounts = sorted(set(group["amount"].astype(float)))
            curve = {v: proportion(group[group["amount"] == v]["value"]) for v in amounts}
            none, whole = curve[min(curve)], curve[max(curve)]
            passed &= none.low <= self.chance + self.near and none.high >= self.chance - self.near
            passed &= whole.low > self.top
            points = ", ".join(f"{100 * v.mean:.0f} % at {k:g}" for k, v in curve.items())
            text = f"{dataset}: right by opacity {points} (chance {100 * self.chance:.0f} %)"
            known = table[(table["metric"] == self.parts) & (table["dataset"] == dataset)]
            known = known[known["model"] == model]
            if self.parts and len(known):
                right = proportion(known["value"])
                passed &= right.low > self.chance
                text += f", galleries of true parts {shown(right, 0, 100)} %"
            details.append(text)
        return passed, "; ".join(details)
