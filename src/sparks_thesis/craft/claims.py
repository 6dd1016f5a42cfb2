"""Claims of CRAFT (fel2023craft)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import (
    Bootstrap,
    Interval,
    proportion,
    proportion_difference,
    shown,
)
from sparks_thesis.common.runs import RUN, of_run, runs
from sparks_thesis.common.verdict import (
    Outcome,
    Part,
    Verdict,
    above,
    judged,
    not_run,
    not_worse,
    undefined,
)

EARLY = 0.25  # share of the layers whose weights are random at first


@dataclass(frozen=True)
class SobolBeatsTcav:
    """craft-sobol-vs-tcav-deletion: ranking concepts by total Sobol index beats ranking by TCAV.

    Attributes:
        banks: dictionaries whose concepts are ranked.
        bootstrap: of the paired differences, over images.
    """

    banks: Sequence[str] = ("NMF", "PCA", "ICA")
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "C-Deletion" and "C-Insertion" of each bank."""
        rows = table[
            table["metric"].isin(["C-Deletion", "C-Insertion"])
            & table["dictionary"].isin(list(self.banks))
            & table["method"].isin(["Sobol", "TCAV"])
        ]
        if rows.empty:
            return not_run("no concepts were deleted")
        gains: dict[str, Interval] = {}
        for where, group in runs(rows):
            for (metric, bank), one in group.groupby(["metric", "dictionary"]):
                wide = one.pivot_table(index=["seed", "image"], columns="method", values="value")
                sign = -1 if metric == "C-Deletion" else 1
                gain = self.bootstrap.difference(sign * wide["Sobol"], sign * wide["TCAV"])
                gains[f"{metric}, {bank} bank, {where}"] = gain
        worst = min(gains.values(), key=lambda gain: gain.mean)
        details = "; ".join(f"{name}: {shown(gain, 2)}" for name, gain in gains.items())
        return judged(
            [above(gain, 0.0) for gain in gains.values()],
            worst,
            f"area of the logit, gain of Sobol over TCAV (share of positive derivatives): "
            f"{details}",
            gains.values(),
        )


@dataclass(frozen=True)
class SubConceptsCoherent:
    """craft-subconcept-coherent: sub-concepts are as coherent as concepts (machine answers).

    Attributes:
        margin: how much lower the share of intruders found may be.
        choice: share of trials in which the sub-concept must be chosen.
    """

    margin: float = 0.0
    choice: float = 0.74

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "IntruderAccuracy" and "BinaryChoiceRate"."""
        outcomes, details = [], []
        worst: Interval | None = None
        for where, group in runs(table[table["metric"] == "IntruderAccuracy"]):
            by = {str(v): g["value"].to_numpy() for v, g in group.groupby("granularity")}
            chosen = table[(table["metric"] == "BinaryChoiceRate") & of_run(table, where)]
            if not {"concept", "sub-concept"} <= set(by) or chosen.empty:
                continue
            gap = proportion_difference(by["sub-concept"], by["concept"])
            rate = proportion(chosen["value"])
            outcomes += [not_worse(gap, self.margin), above(rate, self.choice)]
            details.append(
                f"{where}: intruder found by the machine {100 * by['sub-concept'].mean():.1f} % of "
                f"sub-concepts and {100 * by['concept'].mean():.1f} % of concepts; sub-concept "
                f"chosen in {100 * rate.mean:.1f} %"
            )
            worst = gap if worst is None or gap.mean < worst.mean else worst
        if worst is None:
            return not_run("no sub-concepts were judged")
        return judged(outcomes, worst, "; ".join(details) + " (a machine proxy, no person)")


@dataclass(frozen=True)
class ImplicitGradient:
    """craft-implicit-gradient: coefficients are differentiated through NNLS, not V⁺.

    Attributes:
        exact: largest relative error of the implicit derivative that counts as none.
        wrong: relative error above which the pseudo-inverse counts as wrong.
        bootstrap: of the medians, over images.
    """

    exact: float = 1e-4
    wrong: float = 0.1
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "DerivativeError"; `method` is the way."""
        rows = table[table["metric"] == "DerivativeError"]
        if rows.empty:
            return not_run("no derivatives were checked")
        medians = {
            str(name): self.bootstrap.median(group["value"])
            for name, group in rows.groupby("method")
        }
        outcomes: list[Part] = [above(medians["pseudo-inverse"], self.wrong)]
        for name in ("active set", "KKT system"):
            near = medians[name].high < self.exact
            outcomes.append(Outcome.HOLDS if near else Outcome.FAILS)
        details = "; ".join(f"{name} {interval.mean:.1e}" for name, interval in medians.items())
        return judged(
            outcomes,
            medians["pseudo-inverse"],
            f"median relative error against finite differences: {details}",
        )


@dataclass(frozen=True)
class SanityRandomisation:
    """craft-sanity-randomisation: concept maps and importances change with the weights.

    Attributes:
        alike: rank correlation above which maps count as unchanged.
        bootstrap: of the means, over images.
    """

    alike: float = 0.5
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "MapSpearman" and "ImportanceSpearman"."""
        rows = table[table["metric"].isin(["MapSpearman", "ImportanceSpearman"])]
        if rows.empty:
            return not_run("no weights were randomised")
        last = rows[rows["randomised"] == 1]
        outcomes, details, worst = [], [], None
        for (dataset, model, metric), group in last.groupby([*RUN, "metric"]):
            if group["value"].isna().all():
                details.append(
                    f"{metric} of {model} on {dataset} is undefined with all layers random: "
                    "nothing is left to be ordered"
                )
                continue
            interval = self.bootstrap.mean(group["value"])
            outcomes.append(above(-interval, -self.alike))
            first = rows[(rows["metric"] == metric) & (rows["randomised"] == EARLY)]
            early = first[of_run(first, f"{model} on {dataset}")]["value"].mean()
            details.append(
                f"{metric} of {model} on {dataset} {early:.2f} with a quarter of the layers "
                f"random, {shown(interval, 2)} with all"
            )
            worst = interval if worst is None or interval.mean > worst.mean else worst
        if worst is None:
            return undefined("concepts of the network with random weights")
        return judged(outcomes, worst, "; ".join(details) + "; the bank is kept")
