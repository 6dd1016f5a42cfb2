"""Claims of Lens over all classes (fel2024lens)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparks.stats import (
    Bootstrap,
    Interval,
    interval_of,
    proportion,
    shown,
)
from sparks_thesis.common.runs import runs
from sparks_thesis.common.verdict import Outcome, Part, Verdict, above, judged, not_run

# Concepts of each class on the published site: shares by rank mean little with another number.
CONCEPTS = 10
NOT_RUN = "no class was surveyed with ten concepts"


def _classes(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each run's concepts: one row a concept, index class and rank."""
    rows = table[table["rank"].notna() & (table["dictionary"] == "")]
    for where, group in runs(rows):
        wide = group.pivot_table(
            index=["seed", "class_name", "rank"], columns="metric", values="value", dropna=False
        )
        wide = wide.dropna(subset=["ConceptImportance"])
        ten = wide.groupby(["seed", "class_name"])["ConceptImportance"].transform("size")
        if (ten == CONCEPTS).any():
            yield where, wide[ten == CONCEPTS]


def _sum_of_largest(values: pd.Series, count: int) -> float:
    return float(values.nlargest(count).sum())


def _first(wide: pd.DataFrame, metric: str) -> pd.Series:
    """Rank of the concept with the largest value, for each class."""
    return wide[metric].groupby(["seed", "class_name"]).idxmax().map(lambda index: index[2])


@dataclass(frozen=True)
class FewConcepts:
    """lens-few-concepts: the first three concepts carry about 80 % of a logit, five about 91 %.

    Attributes:
        least: number of concepts → share that they must exceed.
        bootstrap: of the mean, over classes.
    """

    least: tuple[tuple[int, float], ...] = ((3, 0.7), (5, 0.81))
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "ConceptImportance"."""
        outcomes: list[Part] = []
        found: list[Interval] = []
        details = []
        for where, wide in _classes(table):
            shares = wide["ConceptImportance"].groupby(["seed", "class_name"])
            parts = []
            for count, least in self.least:
                sums = shares.apply(_sum_of_largest, count)
                interval = self.bootstrap.mean(sums)
                outcomes.append(above(interval, least))
                parts.append(f"first {count} {shown(interval, 2)}")
                if count == self.least[0][0]:
                    found.append(interval)
            details.append(f"{where}: {', '.join(parts)}")
        if not found:
            return not_run(NOT_RUN)
        return judged(outcomes, min(found, key=lambda i: i.mean), "; ".join(details))


@dataclass(frozen=True)
class StrategiesPerClass:
    """lens-strategies-per-class: 1 to 6 strategies, most often 2.

    Attributes:
        mode: the most frequent number.
        most: the largest number.
        share: of resamples in which the mode must be that.
        bootstrap: over classes.
    """

    mode: int = 2
    most: int = 6
    share: float = 0.95
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "Strategies" of classes with ten concepts."""
        outcomes, found, details = [], [], []
        for where, wide in _classes(table):
            values = self._strategies(wide)
            agree, interval = self._modes(values)
            inside = bool(((values >= 1) & (values <= self.most)).all())
            # One class is drawn every time, and agrees with itself.
            alone = len(values) < 2
            outcomes.append(Outcome.INCONCLUSIVE if alone else self._judge(agree, inside))
            found.append(interval)
            counts = ", ".join(f"{n}: {c}" for n, c in pd.Series(values).value_counts(sort=False)
                               .sort_index().items())  # fmt: skip
            details.append(f"{where}: classes by number of strategies {counts}; the mode is "
                        f"{self.mode} in {agree:.0%} of resamples")  # fmt: skip
        if not found:
            return not_run(NOT_RUN)
        furthest = max(found, key=lambda interval: abs(interval.mean - self.mode))
        return judged(outcomes, furthest, "; ".join(details))

    @staticmethod
    def _strategies(wide: pd.DataFrame) -> NDArray[np.int64]:
        dominated = wide["Dominated"] >= 10
        return dominated.groupby(["seed", "class_name"]).sum().to_numpy().astype(np.int64)

    def _modes(self, values: NDArray[np.int64]) -> tuple[float, Interval]:
        modes = [float(np.bincount(values[w]).argmax()) for w in self.bootstrap.draws(len(values))]
        mode = float(np.bincount(values).argmax())
        interval = interval_of(mode, modes, len(values), self.bootstrap.level, True)
        return float(np.mean(np.array(modes) == self.mode)), interval

    def _judge(self, agree: float, inside: bool) -> Outcome:
        if not inside or agree < 1 - self.share:
            return Outcome.FAILS
        return Outcome.HOLDS if agree > self.share else Outcome.INCONCLUSIVE


@dataclass(frozen=True)
class PrevalenceAgrees:
    """lens-prevalence-agrees: the most prevalent concept is the most important one.

    Attributes:
        least: share of classes that must be exceeded.
    """

    least: float = 0.9

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "ConceptImportance" and "Prevalence"."""
        every: list[bool] = []
        details = []
        for where, wide in _classes(table):
            same = _first(wide, "ConceptImportance") == _first(wide, "Prevalence")
            every += same.tolist()
            details.append(f"{where}: {same.sum()} of {len(same)} classes")
        if not every:
            return not_run(NOT_RUN)
        share = proportion(every)
        return judged([above(share, self.least)], share, "; ".join(details))


@dataclass(frozen=True)
class OwnClassAligned:
    """lens-own-class-aligned: the first concept points to its own class, most others do not.

    Attributes:
        half: that the first concepts must exceed, and all concepts fall short of.
    """

    half: float = 0.5

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "OwnAligned"."""
        first: list[float] = []
        every: list[float] = []
        details = []
        for where, wide in _classes(table):
            own = wide["OwnAligned"]
            top = own[own.index.get_level_values("rank") == 1]
            first += top.tolist()
            every += own.tolist()
            details.append(f"{where}: {top.mean():.0%} of first concepts, {own.mean():.0%} of all")
        if not every:
            return not_run(NOT_RUN)
        of_first, of_all = proportion(first), proportion(every)
        outcomes = (above(of_first, self.half), above(-of_all, -self.half))
        measured = f"own class nearest for {shown(of_first, 2)} of first concepts and for "
        return judged(
            outcomes, of_first, f"{measured}{shown(of_all, 2)} of all; {'; '.join(details)}"
        )
