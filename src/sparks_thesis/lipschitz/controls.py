"""Controls of the claims on 1-Lipschitz networks: what must fail on unconstrained ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import Bootstrap, proportion, shown
from sparks_thesis.common.learnt import accuracies, learnt
from sparks_thesis.common.verdict import Outcome, Verdict, above
from sparks_thesis.lipschitz.claims import BASELINE, with_baselines


@dataclass(frozen=True)
class BaselineFails:
    """The claim's own check does not hold of the unconstrained baseline.

    Attributes:
        check: of the claim; it is given the baseline in place of the network.
        beside: networks that the claim does not judge.
    """

    check: Callable[[pd.DataFrame], Verdict]
    beside: Sequence[str] = ()

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the check fails of every judged network's baseline."""
        passed, details = True, []
        for pair in with_baselines(table):
            if pair.model in self.beside:
                continue
            verdict = self.check(pd.concat([pair.baseline.assign(model=pair.model), pair.baseline]))
            if verdict.outcome is Outcome.NOT_RUN:
                continue
            passed &= verdict.outcome is Outcome.FAILS
            details.append(
                f"the unconstrained baseline in its place: {verdict.outcome}, effect "
                f"{verdict.effect:.3g}"
            )
        return passed and bool(details), "; ".join(details) or "no baseline was measured"


@dataclass(frozen=True)
class FalseCertificates:
    """Attacks break most certificates that claim a bound of 1 for an unconstrained network.

    Its certified radius times its bound is the radius that it would have if it were 1-Lipschitz.
    """

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether they do on every unconstrained baseline."""
        wanted = ["AttackNorm", "CertifiedRadius", "LipschitzBound"]
        rows = table[table["model"].str.endswith(BASELINE) & table["metric"].isin(wanted)]
        passed, details = True, []
        for (dataset, model), group in rows.groupby(["dataset", "model"]):
            wide = group.pivot_table(index=["seed", "image"], columns="metric", values="value")
            if not set(wanted) <= set(wide.columns):
                continue
            wide = wide.dropna()
            broken = wide["AttackNorm"] < wide["CertifiedRadius"] * wide["LipschitzBound"]
            share = proportion(broken)
            passed &= share.mean > 0.5
            details.append(
                f"claimed to be 1-Lipschitz, {model} on {dataset} has {shown(share, 0, 100)} % of "
                "its certificates broken"
            )
        return passed and bool(details), "; ".join(details) or "no baseline was attacked"


@dataclass(frozen=True)
class DirectionMatters:
    """As long a step in a random direction leads to the other class less often.

    Attributes:
        t: length of the counterfactuals.
        beside: networks that the claim does not judge; baselines need not lead anywhere.
        bootstrap: of the paired difference, over images.
    """

    t: float
    beside: Sequence[str] = ()
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether it does on every judged network."""
        rows = table[(table["t"] == self.t) & table["metric"].str.startswith("Counterfactual")]
        passed, details = True, []
        for pair in with_baselines(rows):
            wide = pair.here.pivot_table(index=["seed", "image"], columns="metric", values="value")
            if pair.model in self.beside or "CounterfactualAside" not in wide:
                continue
            aside = wide["CounterfactualAside"]
            gain = self.bootstrap.difference(wide["CounterfactualFollowed"], aside)
            passed &= above(gain, 0.0).outcome is Outcome.HOLDS
            details.append(
                f"{pair.where}: a random direction is followed in {aside.mean():.0%}, the "
                f"gradient more often by {shown(gain, 2)}"
            )
        return passed and bool(details), "; ".join(details) or "no random direction was tried"


@dataclass(frozen=True)
class AboveChance:
    """Every network that is compared has learnt something: more than the most frequent class.

    Attributes:
        models: names of these networks.
    """

    models: Sequence[str]

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether all are right more often than by chance, and how often they are."""
        passed, details = True, []
        for (dataset, model, _), (right, majority) in accuracies(table, "test").items():
            if model in self.models:
                passed &= learnt(right, majority)
                details.append(f"{model} on {dataset} {shown(right, 0, 100)} %")
        return passed and bool(details), f"right: {'; '.join(details) or 'not measured'}"
