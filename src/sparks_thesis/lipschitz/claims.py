"""Claims on 1-Lipschitz networks (serrurier2023lipschitz, arXiv 2206.06854)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.labels import condition as labelled
from sparks_thesis.common.verdict import Outcome, Part, Verdict, above, judged, not_run, not_worse

BASELINE = "_unconstrained"
# The network by another recipe, or with other convolutions: its baseline is the same.
VARIANTS = ("_accurate", "_orthogonal")


class Pair(NamedTuple):
    """Rows of a network and of its baseline on one data set."""

    model: str
    where: str
    here: pd.DataFrame
    baseline: pd.DataFrame


def with_baselines(table: pd.DataFrame) -> Iterator[Pair]:
    """Yield every network that has a baseline, data set by data set."""
    for dataset, rows in table.groupby("dataset"):
        for model in sorted(set(rows["model"])):
            name = model
            for variant in VARIANTS:
                name = name.removesuffix(variant)
            baseline = rows[rows["model"] == name + BASELINE]
            if len(baseline):
                here = rows[rows["model"] == model]
                yield Pair(model, f"{model} on {dataset}", here, baseline)


def _joined(details: Sequence[str], beside: Sequence[str]) -> str:
    """Write what was judged, and what was measured beside it."""
    aside = f". Not judged, of another kind or recipe than the paper's: {'; '.join(beside)}"
    return "; ".join(details) + (aside if beside else "")


def _by_image(rows: pd.DataFrame) -> pd.Series:
    return rows.set_index(["seed", "image"])["value"]


@dataclass(frozen=True)
class BaselineDifference:
    """A metric of the maps of one method is better on 1-Lipschitz networks than on their baselines.

    Attributes:
        metric: in the column of that name.
        higher: whether higher is better.
        conditions: settings in which it must hold, as `sparks_thesis.common.labels` writes them.
        method: label of the method; empty for metrics of the network.
        beside: networks that are of another kind, or trained by another recipe, than the paper's:
            reported and not judged.
        bootstrap: of the paired differences, over images.
    """

    metric: str
    higher: bool
    conditions: Sequence[str] = ("",)
    method: str = "Saliency"
    beside: Sequence[str] = ()
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on a tidy table."""
        rows = table[(table["metric"] == self.metric) & (table["method"] == self.method)]
        rows = rows.assign(condition=labelled(rows))
        gains: dict[str, Interval] = {}
        aside: dict[str, Interval] = {}
        sign = 1.0 if self.higher else -1.0
        for model, where, here, baseline in with_baselines(rows):
            for condition in self.conditions:
                ours, theirs = (_by_image(r[r["condition"] == condition]) for r in (here, baseline))
                both = ours.dropna().index.intersection(theirs.dropna().index)
                if len(both):
                    named = f"{where}, {condition}" if condition else where
                    gain = self.bootstrap.difference(sign * ours[both], sign * theirs[both])
                    (aside if model in self.beside else gains)[named] = gain
        if not gains:
            return not_run(f"{self.metric} was not measured on a network and its baseline")
        worst = min(gains.values(), key=lambda gain: gain.mean)
        details, others = (
            [f"{where}: {shown(gain)}" for where, gain in found.items()] for found in (gains, aside)
        )
        better = (
            "1-Lipschitz minus unconstrained" if self.higher else "unconstrained minus 1-Lipschitz"
        )
        return judged(
            [above(gain, 0.0) for gain in gains.values()],
            worst,
            f"{self.metric}, {better}: {_joined(details, others)}",
            gains.values(),
        )


@dataclass(frozen=True)
class BoundaryInOneStep:
    """lip-boundary-one-step: ‖∇f‖ is near 1, and x - f(x) ∇f(x) near the boundary.

    Attributes:
        tolerance: mean distance of the norm to 1, and mean |f| left over |f|, that count as near.
        beside: see `BaselineDifference`.
        bootstrap: of the means, over inputs.
    """

    tolerance: float = 0.1
    beside: Sequence[str] = ()
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on "GradientNorm" and "BoundaryError" of networks and their baselines."""
        outcomes: list[Part] = []
        details, others, worst = [], [], None
        for model, where, here, baseline in with_baselines(table):
            for metric, centre in (("GradientNorm", 1.0), ("BoundaryError", 0.0)):
                sides = [r[r["metric"] == metric]["value"] for r in (here, baseline)]
                if any(side.empty for side in sides):
                    continue
                far, other = (self.bootstrap.mean((side - centre).abs()) for side in sides)
                what = "| ‖∇f‖ − 1 |" if centre else "|f| left"
                text = f"{where}: {what} {shown(far)}, unconstrained {other.mean:.3f}"
                if model in self.beside:
                    others.append(text)
                    continue
                outcomes.append(above(-far, -self.tolerance))
                details.append(text)
                worst = far if worst is None or far.mean > worst.mean else worst
        if worst is None:
            reason = "gradients of a network and its baseline were not measured"
            return not_run(
                f"measured on other kinds alone: {'; '.join(others)}" if others else reason
            )
        return judged(outcomes, worst, _joined(details, others))


@dataclass(frozen=True)
class CertificateHolds:
    """lip-certificate: no attack below the certified radius, and attacks follow the gradient.

    Attributes:
        cosine: between attack and gradient, above which an attack counts as along it.
        beside: see `BaselineDifference`.
        bootstrap: of the mean cosine, over images.
    """

    cosine: float = 0.9
    beside: Sequence[str] = ()
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on certified radii and smallest attacks."""
        outcomes: list[Part] = []
        details, others, worst = [], [], None
        for model, where, here, baseline in with_baselines(table):
            found = [r[r["metric"] == "AttackCosine"]["value"] for r in (here, baseline)]
            wide = here.pivot_table(index=["seed", "image"], columns="metric", values="value")
            if found[0].empty or "CertifiedRadius" not in wide:
                continue
            broken = int((wide["AttackNorm"] < wide["CertifiedRadius"]).sum())
            ours = self.bootstrap.mean(found[0])
            ratio = float((wide["AttackNorm"] / wide["CertifiedRadius"]).median())
            text = (
                f"{where}: {broken} of {len(wide)} certificates broken, the smallest attack is "
                f"{ratio:.1f} radii (median), cosine {shown(ours, 2)}, unconstrained "
                f"{found[1].mean():.2f}"
            )
            # A certificate is a proof: no network may break one.
            outcomes += [Outcome.FAILS] if broken else []
            if model in self.beside:
                others.append(text)
                continue
            outcomes.append(above(ours, self.cosine))
            details.append(text)
            worst = ours if worst is None or ours.mean < worst.mean else worst
        if worst is None:
            return not_run("no network was attacked")
        return judged(outcomes, worst, _joined(details, others))


@dataclass(frozen=True)
class SoftmaxLoss:
    """lip-softhkr-accuracy: the softmax-weighted loss beats one-vs-all, and equals its baseline.

    Attributes:
        soft: model trained by the softmax-weighted loss.
        earlier: the same trained one class against all.
        margin: loss of accuracy against the baseline that counts as equal.
        bootstrap: of the paired differences, over test images.
    """

    soft: str = "hkr_convnet"
    earlier: str = "hkr_convnet_one_vs_all"
    margin: float = 0.02
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on right and wrong test images."""
        right = table[(table["metric"] == "Accuracy") & (table["split"] == "test")]
        outcomes, details, worst = [], [], None
        for dataset, rows in right.groupby("dataset"):
            values = {str(model): _by_image(r) for model, r in rows.groupby("model")}
            plain = self.soft + BASELINE
            if not {self.soft, self.earlier, plain} <= set(values):
                continue
            for rival in (self.earlier, plain):
                gain = self.bootstrap.difference(values[self.soft], values[rival])
                equal = rival == plain  # enough; the earlier loss must be beaten
                outcomes.append(not_worse(gain, self.margin) if equal else above(gain, 0.0))
                details.append(f"{dataset}, minus {rival}: {shown(gain)}")
                worst = gain if worst is None or gain.mean < worst.mean else worst
        if worst is None:
            return not_run("the loss variants were not all trained")
        return judged(outcomes, worst, "; ".join(details))
