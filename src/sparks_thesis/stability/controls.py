"""Controls of the claims on MeGe and ReCo: were networks degraded, and are scores at their ends?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sparks.stats import Bootstrap, shown
from sparks_thesis.common.verdict import Outcome, Verdict, above, every
from sparks_thesis.stability.claims import SEVEN
from sparks_thesis.stability.rows import SAME
from sparks_thesis.stability.scored import KINDS, Scored

CHANCE = 0.1  # accuracy by chance with ten classes


@dataclass(frozen=True)
class Degraded:
    """Degraded networks are less accurate, and not at chance.

    Of a network that is as good as before, or that answers by chance, curves over degradations say
    nothing.

    Attributes:
        models: names of the networks judged.
        chance: data set → accuracy by chance, where it is not that of ten classes.
        bootstrap: of accuracies, over images.
    """

    models: Sequence[str]
    chance: Mapping[str, float] = field(default_factory=dict)
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether accuracies at the highest level lie in between, and what they are."""
        scored = Scored(table, self.bootstrap)
        passed, details = True, []
        for dataset, model in scored.images:
            for kind in KINDS if model in self.models else ():
                last = scored.conditions(kind)[-1][1]
                whole, worst = (scored.accuracy(dataset, model, c) for c in ("", last))
                if not last or np.isnan(worst.mean):
                    continue
                passed &= worst.high < whole.mean
                passed &= worst.low > self.chance.get(dataset, CHANCE)
                details.append(
                    f"{model} on {dataset} right {shown(whole, 2)}, with {last} {shown(worst, 2)}"
                )
        return passed and bool(details), "; ".join(details) or "no network was degraded"


@dataclass(frozen=True)
class Ends:
    """Random maps score what chance gives, and no method explains two networks better than one.

    ReCo of random maps lies within its permutation null (being right has no part in them). MeGe of
    a method that draws random numbers is at most that of the same network explained with other
    seeds; methods that draw none have 1 there. Where methods of the paper draw random numbers, one
    of them at least lies above random maps there.

    Attributes:
        models: names of the networks judged.
        metrics: scores that the claim is about.
        bootstrap: over images within folds.
    """

    models: Sequence[str]
    metrics: Sequence[str] = ("MeGe", "ReCo")
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the ends are where they must be on every network, and where they are."""
        scored = Scored(table, self.bootstrap)
        passed, details = True, []
        for dataset, model in scored.images:
            if model not in self.models:
                continue
            if "Random" not in scored.methods(dataset, model):
                return False, f"Random was not run on {model} and {dataset}"
            for judge in [self._null] * ("ReCo" in self.metrics) + [self._ceiling]:
                right, text = judge(scored, dataset, model)
                passed &= right
                details.append(f"{model} on {dataset}: {text}")
        return passed and bool(details), "; ".join(details) or "no network was trained on folds"

    def _null(self, scored: Scored, dataset: str, model: str) -> tuple[bool, str]:
        drawn = scored.chance(dataset, model, "Random", "ReCo")
        found = scored.estimate(dataset, model, "", "Random", "ReCo").value
        if np.isnan(found) or np.isnan(drawn).all():
            return False, "ReCo of Random does not exist (S₌ or S≠ is empty)"
        high = float(np.nanquantile(drawn, (1 + self.bootstrap.level) / 2))
        return found <= high, f"ReCo of Random {found:.2f}, by permutation at most {high:.2f}"

    def _ceiling(self, scored: Scored, dataset: str, model: str) -> tuple[bool, str]:
        random = scored.estimate(dataset, model, "", "Random", "MeGe")
        below, apart, details = [], [], []
        for method in scored.methods(dataset, model):
            ceiling = scored.estimate(dataset, model, SAME, method, "MeGe")
            if method not in SEVEN or np.isnan(ceiling.value):
                continue
            own = scored.estimate(dataset, model, "", method, "MeGe")
            below.append(above((ceiling - own).interval(), 0.0))
            apart.append(above((ceiling - random).interval(), 0.0))
            details.append(f"{method} {ceiling.value:.2f} ({own.value:.2f} between networks)")
        text = f"MeGe of Random {random.value:.2f}, of the same network with two seeds "
        text += ", ".join(details) or "1 (no method of the paper draws random numbers)"
        passed = every(below) is not Outcome.FAILS
        passed &= not apart or any(part.outcome is Outcome.HOLDS for part in apart)
        return passed, text


@dataclass(frozen=True)
class SameEverywhere:
    """The input alone, the same map for every network, has a MeGe of 1.

    Attributes:
        models: names of the networks judged.
        bootstrap: over images within folds.
    """

    models: Sequence[str]
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether it has on every network."""
        scored = Scored(table, self.bootstrap)
        found = {
            f"{model} on {dataset}": scored.estimate(dataset, model, "", "Input", "MeGe").value
            for dataset, model in scored.images
            if model in self.models
        }
        listed = ", ".join(f"{value:.2f} for {where}" for where, value in found.items())
        passed = bool(found) and all(abs(value - 1) < 1e-6 for value in found.values())
        return passed, f"MeGe of the input alone {listed or 'was not measured'}"


@dataclass(frozen=True)
class ShuffledAmounts:
    """Curves over shuffled amounts do not grow, and no change is no distance.

    Attributes:
        check: the claim's own.
        seed: of the shuffling.
    """

    check: Callable[[pd.DataFrame], Verdict]
    seed: int = 0

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the check does not hold of amounts that were shuffled."""
        rows = table[table["metric"] == "MapDistance"]
        if rows.empty:
            return False, "the distances were not measured"
        generator = np.random.default_rng(self.seed)
        shuffled = []
        for _, group in rows.groupby("change"):
            amounts = np.sort(group["amount"].unique())
            moved = dict(zip(amounts, generator.permutation(amounts), strict=True))
            shuffled.append(group.assign(amount=group["amount"].map(moved)))
        verdict = self.check(pd.concat(shuffled))
        none = float(rows[rows["amount"] == 0]["value"].abs().max())
        text = f"with shuffled amounts {verdict.measured.partition(';')[0]}; without a change the "
        text += f"largest distance is {none:.1g}"
        return verdict.outcome is Outcome.FAILS and none < 1e-6, text
