"""Claims of "What I Cannot Predict, I Do Not Understand" (colin2022utility).

They are about people, of whom only printed summaries exist. Verdicts are about simulated
meta-predictors, and say so; they also state what the printed numbers give. One claim is about
the printed numbers themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sparks.stats import Interval, shown
from sparks.utility.answers import CONTROL
from sparks_thesis.common.verdict import Outcome, Part, Verdict, above, judged, not_run
from sparks_thesis.utility.proxies import COMPLEXITY, FAITHFULNESS, SIMILARITY
from sparks_thesis.utility.published import ALL_SCENARIOS, MEAN_RATIO, PRINTED, TRAPEZOID
from sparks_thesis.utility.scored import CONCEPTS, PEOPLE, SIX, OfScenarios, Scored

SIMULATED = "; simulated meta-predictors, no person"
NOBODY = "no meta-predictor was simulated in the scenarios of this claim"
P = 0.05  # significance, as in the paper


@dataclass(frozen=True)
class _Judged(OfScenarios):
    """Base class of the claims about simulated participants."""

    def _scored(self, table: pd.DataFrame, roles: Sequence[str]) -> tuple[Scored, list[str]]:
        """Return the scores, and the scenarios of these roles; none if one was not run."""
        scored = self.scored(table)
        if not (scored.simulated["metric"] == "MetaPredictorAccuracy").any():
            return scored, []
        names = [scored.named(role) for role in roles]
        return scored, [name for name in names if name] if all(names) else []


def _significant(scored: Scored, name: str) -> str:
    """Name the methods that differ from the baseline by Tukey's test."""
    p = scored.tukey(name)
    found = [method for method in SIX if p.get(method, 1.0) < P]
    return ", ".join(found) or "none"


def _lowest(intervals: Sequence[Interval]) -> Interval:
    return min(intervals, key=lambda interval: interval.mean)


@dataclass(frozen=True)
class Helps(_Judged):
    """utility-helps-husky-leaves: all six methods help with a bias and with an unknown rule."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on Utility of the six methods in both scenarios."""
        scored, names = self._scored(table, ("bias", "rule"))
        if not names:
            return not_run(NOBODY)
        found = {(name, m): scored.utility(name, m) for name in names for m in SIX}
        details = "; ".join(
            f"{scored.data(name)}: "
            + ", ".join(f"{m} {shown(found[name, m], 2)}" for m in SIX)
            + f", significant: {_significant(scored, name)}"
            for name in names
        )
        outcomes = [above(interval, 1.0) for interval in found.values()]
        return judged(outcomes, _lowest(list(found.values())), details + SIMULATED)


@dataclass(frozen=True)
class NoneHelps(_Judged):
    """utility-imagenet-none: on hard classes no method helps, and conditions do not differ."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on Utility of the six methods and the analysis of variance."""
        scored, names = self._scored(table, ("hard",))
        if not names:
            return not_run(NOBODY)
        found = {m: scored.utility(names[0], m) for m in SIX}
        test = scored.anova(names[0])
        outcomes = [
            Outcome.FAILS
            if interval.low > 1
            else (Outcome.INCONCLUSIVE if interval.mean > 1 else Outcome.HOLDS)
            for interval in found.values()
        ]
        outcomes.append(Outcome.HOLDS if test.p > P else Outcome.FAILS)
        best = max(found.values(), key=lambda interval: interval.mean)
        details = ", ".join(f"{m} {shown(interval, 2)}" for m, interval in found.items())
        spread = f"F({test.between}, {test.within}) = {test.f:.2f}, p = {test.p:.2g}"
        rows = scored.simulated[scored.simulated["dataset"] == scored.data(names[0])]
        right = rows[rows["metric"] == "ModelAccuracy"]["value"].mean()
        spread += f"; the model is right on {right:.0%} of the two classes"
        return judged(outcomes, best, f"{scored.data(names[0])}: {details}; {spread}" + SIMULATED)


@dataclass(frozen=True)
class ControlNoGain(_Judged):
    """utility-control-no-gain: an explanation that ignores the model does not help."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on Utility of the control in every scenario."""
        scored, names = self._scored(table, tuple(PEOPLE))
        if not names:
            return not_run(NOBODY)
        found = {name: scored.utility(name, CONTROL) for name in names}
        outcomes = [above(-interval, -1.0) for interval in found.values()]
        worst = max(found.values(), key=lambda interval: interval.mean)
        details = ", ".join(f"{scored.data(name)} {shown(i, 2)}" for name, i in found.items())
        return judged(outcomes, worst, details + SIMULATED)


@dataclass(frozen=True)
class ConceptsHelp(_Judged):
    """craft-utility-two-of-three: concepts help significantly in two of the three scenarios."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on Utility of concepts, and Tukey's test against the baseline."""
        scored, names = self._scored(table, tuple(PEOPLE))
        if not names:
            return not_run(NOBODY)
        tests = {name: scored.tukey(name) for name in names}
        if not all(CONCEPTS in test for test in tests.values()):
            return not_run("no simulated participant was shown concepts")
        found = {name: scored.utility(name, CONCEPTS) for name in names}
        p = {name: float(test[CONCEPTS]) for name, test in tests.items()}
        helped = sum(found[name].mean > 1 and p[name] < P for name in names)
        outcome = Outcome.HOLDS if helped == 2 else Outcome.FAILS
        details = ", ".join(
            f"{scored.data(n)} {shown(found[n], 2)} (p = {p[n]:.2g})" for n in names
        )
        second = sorted(found.values(), key=lambda interval: interval.mean)[1]
        return judged([outcome], second, f"significant in {helped} of 3: {details}" + SIMULATED)


def _correlation(row: pd.Series) -> Interval:
    return Interval(float(row["r"]), float(row["low"]), float(row["high"]), int(row["n"]))


@dataclass(frozen=True)
class _Correlates(_Judged):
    """Claims about a proxy of Utility."""

    def _related(self, table: pd.DataFrame, proxy: str) -> tuple[dict[str, Interval], str]:
        """Return role → correlation over our six methods, and the people's beside them."""
        scored, names = self._scored(table, tuple(PEOPLE))
        if not names:
            return {}, ""
        found, details = {}, []
        for role, name in zip(PEOPLE, names, strict=True):
            found[role] = _correlation(scored.related("simulated", proxy, name))
            people = scored.related("people", proxy, PEOPLE[role])
            details.append(
                f"{scored.data(name)} r = {shown(found[role], 2)} "
                f"({PEOPLE[role]}: {people['r']:.2f}, p = {people['p']:.3f}, from the published "
                "points)"
            )
        return found, "; ".join(details) + SIMULATED


@dataclass(frozen=True)
class FaithfulnessNotPredictive(_Correlates):
    """utility-faithfulness-not-predictive: no significant positive correlation anywhere."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on the correlations over methods."""
        found, details = self._related(table, FAITHFULNESS)
        if not found:
            return not_run(NOBODY)
        outcomes = [
            Outcome.FAILS if r.low > 0 else (Outcome.HOLDS if r.mean <= 0 else Outcome.INCONCLUSIVE)
            for r in found.values()
        ]
        return judged(outcomes, max(found.values(), key=lambda r: r.mean), details)


@dataclass(frozen=True)
class ComplexityBiasOnly(_Correlates):
    """utility-complexity-husky-only: simple maps are more useful with a bias, not elsewhere."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on the correlations over methods."""
        found, details = self._related(table, COMPLEXITY)
        if not found:
            return not_run(NOBODY)
        outcomes: list[Part] = [above(-found["bias"], 0.0)]
        for role in ("rule", "hard"):
            elsewhere = found[role].high < 0
            outcomes.append(Outcome.FAILS if elsewhere else Outcome.HOLDS)
        return judged(outcomes, found["bias"], details)


@dataclass(frozen=True)
class Similarity(_Correlates):
    """utility-perceptual-similarity: Utility falls as the regions of both classes look alike."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on the correlation over the points of all scenarios."""
        scored, names = self._scored(table, tuple(PEOPLE))
        if not names:
            return not_run(NOBODY)
        together = _correlation(scored.related("simulated", SIMILARITY, ALL_SCENARIOS))
        people = scored.related("people", SIMILARITY, ALL_SCENARIOS)
        points = scored.points
        ours = points[(points["source"] == "simulated") & (points["proxy"] == SIMILARITY)]
        hard = ours["scenario"] == names[-1]
        least, most = ours[hard]["value"].min(), ours[~hard]["value"].max()
        details = (
            f"r = {shown(together, 2)} over {together.n} points (published points: "
            f"{people['r']:.2f}, p = {people['p']:.1g}); {scored.data(names[-1])} lies above "
            f"{least:.2f}, the others reach {most:.2f}"
        )
        return judged([above(-together, 0.0)], together, details + SIMULATED)


@dataclass(frozen=True)
class MeanRatio:
    """utility-is-mean-ratio: which formula gives the printed Utility (arithmetic, no chance).

    Attributes:
        tolerance: of Utilities that are printed with two digits.
    """

    tolerance: float = 0.01

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on the recomputed and the printed values."""
        rows = table[(table["source"] != "") & (table["metric"] == "Utility")]
        if rows.empty:
            return not_run("the published accuracies were not read")
        wide = rows.pivot(index=["dataset", "method"], columns="source", values="value")
        off = (wide[MEAN_RATIO] - wide[PRINTED]).abs()
        other = (wide[TRAPEZOID] - wide[PRINTED]).abs()
        worst = float(np.round(off.max(), 9))
        holds = worst <= self.tolerance and other.max() > self.tolerance
        details = (
            f"mean session accuracy over mean baseline accuracy: {(off <= self.tolerance).sum()} "
            f"of {len(off)} printed Utilities within {self.tolerance}, at most {worst:.3f} off"
        )
        control = (
            f"another formula, the trapezoid area: {(other <= self.tolerance).sum()} within "
            f"{self.tolerance}, at most {other.max():.3f} off"
        )
        outcome = Outcome.HOLDS if holds else Outcome.FAILS
        return Verdict(outcome, worst, np.nan, np.nan, details, control=control)
