"""Controls of the claims on how Sobol' indices are estimated: cases whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sparks.stats import Bootstrap, shown
from sparks_thesis.common.verdict import Outcome, Verdict, above
from sparks_thesis.sobol.claims_samplers import DEFAULT, SHUFFLED


@dataclass(frozen=True)
class KnownInteractions:
    """The same estimate finds interactions where a function has some, and none where it has none.

    Attributes:
        points: N of the designs: that of the images.
        with_some: part of the name of functions with interactions large enough to be found.
        without: part of the name of functions that are sums over their inputs.
        bootstrap: of the mean of ST - S over indices, over repeats.
    """

    points: int
    with_some: str = "Ishigami"
    without: str = "additive"
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Judge rows with metric "TotalMinusFirst"; `dataset` is the function."""
        rows = table[(table["metric"] == "TotalMinusFirst") & (table["points"] == self.points)]
        passed, details = not rows.empty, []
        for function, group in rows.groupby("dataset", sort=False):
            gap = self.bootstrap.mean(group["value"])
            found = above(gap, 0.0).outcome
            if self.with_some in str(function):
                passed &= found is Outcome.HOLDS
            elif self.without in str(function):
                passed &= found is not Outcome.HOLDS
            details.append(f"{function} {shown(gap, 2)}")
        known = f"mean ST − S of functions at N = {self.points}: {'; '.join(details)}"
        return passed, known if details else "ST − S of known functions was not estimated"


@dataclass(frozen=True)
class Agreement:
    """Another seed agrees as well as is asked of others, and shuffled scores do not agree.

    Attributes:
        threshold: that the claim asks of every estimator and sampler.
        chance: that the median of shuffled scores must stay below.
        points: N of the designs compared.
        bootstrap: of the medians, over images.
    """

    threshold: float = 0.9
    chance: float = 0.5
    points: int = 32
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Judge rows with metric "DefaultSpearman" of the default estimator."""
        rows = table[(table["metric"] == "DefaultSpearman") & (table["points"] == self.points)]
        rows = rows[rows["estimator"] == DEFAULT[1]]
        ends = {}
        for name in (f"{DEFAULT[0]}, another seed", SHUFFLED):
            values = rows[rows["method"] == name]["value"].dropna()
            if values.empty:
                return False, f"{name} was not measured"
            ends[name] = self.bootstrap.median(values)
        ceiling, bottom = ends.values()
        passed = above(ceiling, self.threshold).outcome is not Outcome.FAILS
        passed &= bottom.mean < self.chance
        return passed, "; ".join(f"{name} {shown(found, 2)}" for name, found in ends.items())


@dataclass(frozen=True)
class KnownRate:
    """Monte Carlo with more points converges faster, and with fewer does not.

    Its own errors with four times as many points, and with a quarter, take the place of those of
    the sampler: by the law of large numbers the first must be half as large, the second twice.

    Attributes:
        check: the claim's own.
        sampler: that the claim is about.
        factor: more, or fewer, points.
    """

    check: Callable[[pd.DataFrame], Verdict]
    sampler: str = "sobol, scrambled"
    factor: int = 4

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the check holds of more points alone."""
        rows = table[(table["metric"] == "RelativeError") & (table["estimator"] == "jansen")]
        own, others = rows[rows["method"] == "monte-carlo"], rows[rows["method"] != self.sampler]
        passed, details = not own.empty, []
        for factor, wanted in ((self.factor, True), (1 / self.factor, False)):
            moved = own.assign(method=self.sampler, points=own["points"] / factor)
            moved = moved[moved["points"].isin(set(own["points"]))]
            if moved.empty:
                return False, f"no two designs of Monte Carlo differ by {self.factor} times"
            verdict = self.check(pd.concat([others, moved], ignore_index=True))
            passed &= (verdict.outcome is Outcome.HOLDS) is wanted
            gain = "n/a" if np.isnan(verdict.effect) else f"{verdict.effect:+.2f}"
            details.append(f"Monte Carlo with {factor:g} times the points: at least {gain}")
        return passed, "; ".join(details)
