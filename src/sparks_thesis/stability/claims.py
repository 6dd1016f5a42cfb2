"""Claims of "How Good is your Explanation?" (fel2022mege, WACV 2022) on MeGe and ReCo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from sparks.stats import Bootstrap, Estimate, Floats, shown
from sparks_thesis.common.verdict import Outcome, Verdict, above, judged, not_run
from sparks_thesis.stability.scored import KINDS, Scored

# Those of the paper; Random and the input are controls, Sobol and HSIC came later.
SEVEN = (
    "Saliency", "GradientInput", "IntegratedGradients", "SmoothGrad",
    "GradCAM", "GradCAM++", "RISE",
)  # fmt: skip
CAM_AND_RISE = ("GradCAM", "GradCAM++", "RISE")
METRICS = ("MeGe", "ReCo")
NO_FOLDS = "no network was trained on folds"


def judge(found: Mapping[str, Estimate], prefix: str, threshold: float = 0.0) -> Verdict:
    """Judge "above the threshold" for every estimate; the lowest is the effect.

    An estimate that does not exist leaves the claim open, and the verdict names it.
    """
    outcomes = {name: above(e.interval(), threshold) for name, e in found.items()}
    known = {name: e for name, e in found.items() if not np.isnan(e.value)}
    if not known:
        return not_run(f"{prefix}: no score exists (S₌ or S≠ is empty everywhere)")
    lowest = min(known.values(), key=lambda e: e.value).interval()
    alone = [comparison.outcome for comparison in outcomes.values()]
    failing = [
        _described(name, e)
        for name, e in sorted(known.items(), key=lambda item: item[1].value)
        if outcomes[name].outcome is not Outcome.HOLDS
    ]
    absent = len(found) - len(known)
    text = (
        f"{prefix}: holds for {alone.count(Outcome.HOLDS)} of {len(found)}, fails for "
        f"{alone.count(Outcome.FAILS)}"
        + (f", {absent} do not exist (S₌ or S≠ is empty)" if absent else "")
        + (f"; not shown for {'; '.join(failing[:4])}" if failing else "")
        + ("; …" if len(failing) > 4 else "")
    )
    over = [e.interval() for e in known.values()]
    return judged(list(outcomes.values()), lowest, text, over)


def _described(name: str, estimate: Estimate) -> str:
    return f"{name} {shown(estimate.interval(), sign='+')}"


def _methods(scored: Scored, dataset: str, model: str) -> list[str]:
    return [method for method in SEVEN if method in scored.methods(dataset, model)]


@dataclass(frozen=True)
class _OnFolds:
    """Base class of the claims about networks trained on folds.

    Attributes:
        bootstrap: over images within folds.
        models: names of the networks judged.
    """

    models: Sequence[str]
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def runs(self, scored: Scored) -> list[tuple[str, str]]:
        """Return (data set, model) of the networks that were trained on folds."""
        return [key for key in scored.images if key[1] in self.models]


@dataclass(frozen=True)
class DropsWithDegradation(_OnFolds):
    """mege-drops-with-degradation: MeGe and ReCo are lower at the highest level than at none."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on tidy rows of the distances."""
        scored = Scored(table, self.bootstrap)
        found = {}
        for name, curve in _curves(scored, self.runs(scored)):
            found[name] = curve[0] - curve[-1]
        if not found:
            return not_run(NO_FOLDS)
        return judge(found, "score undegraded minus score at the highest level")


@dataclass(frozen=True)
class Monotone(_OnFolds):
    """mege-reco-monotone: the more the predictor is degraded, the lower MeGe and ReCo.

    Attributes:
        share: of curves that never rise, above which the claim holds (that of the paper's own).
    """

    share: float = 94 / 112

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on tidy rows of the distances."""
        scored = Scored(table, self.bootstrap)
        curves = dict(_curves(scored, self.runs(scored)))
        whole = {n: c for n, c in curves.items() if not any(np.isnan(e.value) for e in c)}
        if not whole:
            return not_run("no curve exists at every level" if curves else NO_FOLDS)
        never = [all(a.value >= b.value for a, b in pairwise(c)) for c in whole.values()]
        # A curve counts in the resamples in which it exists at every level.
        drawn = np.array([_never_rises(c) for c in whole.values()])
        share = Estimate(
            float(np.mean(never)),
            np.where(np.isnan(drawn).all(0), np.nan, np.nansum(drawn, 0))
            / np.maximum(1, (~np.isnan(drawn)).sum(0)),
            min(e.n for c in whole.values() for e in c),
            self.bootstrap.level,
            True,
        ).interval()
        text = (
            f"{sum(never)} of {len(whole)} curves never rise; {len(curves) - len(whole)} more do "
            "not exist at every level (S₌ or S≠ is empty)"
        )
        return judged([above(share, self.share)], share, text, [share])


def _never_rises(curve: Sequence[Estimate]) -> Floats:
    """Say of each resample whether the curve never rises: 1 or 0, NaN where a point is missing."""
    draws = np.array([e.draws for e in curve])
    return np.where(np.isnan(draws).any(0), np.nan, (draws[:-1] >= draws[1:]).all(0))


def _curves(
    scored: Scored, runs: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, list[Estimate]]]:
    """Yield each curve of a score against a degradation: its name, and its points."""
    for dataset, model in runs:
        for kind in KINDS:
            levels = [condition for _, condition in scored.conditions(kind)]
            if len(levels) < 2:
                continue
            for method in _methods(scored, dataset, model):
                for metric in METRICS:
                    yield (
                        f"{metric} of {method}, {model} on {dataset}, {kind}",
                        [scored.estimate(dataset, model, c, method, metric) for c in levels],
                    )


@dataclass(frozen=True)
class AboveRandom(_OnFolds):
    """mege-reco-above-random: every method scores above random maps."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on tidy rows of the distances."""
        scored = Scored(table, self.bootstrap)
        found = {
            f"{metric} of {method}, {model} on {dataset}": scored.estimate(
                dataset, model, "", method, metric
            )
            - scored.estimate(dataset, model, "", "Random", metric)
            for dataset, model in self.runs(scored)
            for method in _methods(scored, dataset, model)
            for metric in METRICS
        }
        return judge(found, "score minus that of Random") if found else not_run(NO_FOLDS)


@dataclass(frozen=True)
class PublishedFormula(_OnFolds):
    """mege-published-formula: the tables hold MeGe as printed, (1 + mean S₌)⁻¹.

    Random maps tell the variants apart: published 0.8 / √pixels, which is the mean of |Spearman|
    for independent maps.

    Attributes:
        sizes: data set → side of its images in pixels.
        margin: how near a variant must come to that value.
        variant: the one that is judged.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    margin: float = 0.02
    variant: str = "MeGe (printed)"

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on tidy rows of the distances."""
        scored = Scored(table, self.bootstrap)
        found, details = {}, []
        for dataset, model in self.runs(scored):
            if "Random" not in scored.methods(dataset, model) or dataset not in self.sizes:
                continue
            expected = 0.8 / self.sizes[dataset]
            printed, computed = (
                scored.estimate(dataset, model, "", "Random", metric)
                for metric in ("MeGe (printed)", "MeGe")
            )
            judged_one = printed if self.variant == "MeGe (printed)" else computed
            gap = Estimate(
                expected + self.margin - judged_one.value,
                expected + self.margin - judged_one.draws,
                judged_one.n,
                judged_one.level,
            )
            found[f"{model} on {dataset}"] = gap
            details.append(
                f"{dataset}: {printed.value:.3f} as printed, {computed.value:.3f} as computed, "
                f"0.8/√pixels = {expected:.3f}"
            )
        if not found:
            return not_run("no random maps on folds")
        return judge(found, f"MeGe of Random, {'; '.join(details)}; how far inside the margin")


@dataclass(frozen=True)
class RiseBest(_OnFolds):
    """mege-imagenet-rise-best: RISE leads MeGe and ReCo, with GradCAM also MuFidelity.

    Attributes:
        datasets: on which the claim is made.
    """

    datasets: Sequence[str] = ()

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on tidy rows of the distances and MuFidelity."""
        scored = Scored(table, self.bootstrap)
        found = {}
        for dataset, model in self.runs(scored):
            if dataset not in self.datasets:
                continue
            for metric, best in (
                ("MeGe", ("RISE",)),
                ("ReCo", ("RISE",)),
                ("MuFidelity", ("RISE", "GradCAM")),
            ):
                values = {
                    m: scored.estimate(dataset, model, "", m, metric)
                    for m in _methods(scored, dataset, model)
                }
                if set(best) <= set(values):
                    found[f"{metric}, {model} on {dataset}"] = lead(values, best)
        if not found:
            return not_run(f"needs {', '.join(self.datasets)} and RISE")
        return judge(found, f"worst of {' and '.join(('RISE', 'GradCAM'))} minus best of the rest")


def lead(values: Mapping[str, Estimate], best: Sequence[str]) -> Estimate:
    """Return the worst of `best` minus the best of the others."""
    ours = [values[name] for name in best]
    others = [estimate for name, estimate in values.items() if name not in best]
    return Estimate(
        float(np.min([e.value for e in ours]) - np.max([e.value for e in others])),
        np.min([e.draws for e in ours], axis=0) - np.max([e.draws for e in others], axis=0),
        ours[0].n,
        ours[0].level,
        ours[0].steps,
    )


@dataclass(frozen=True)
class JointlyGood(_OnFolds):
    """mege-cam-rise-jointly-good: GradCAM, GradCAM++ and RISE have the best mean ranks."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim by mean ranks over MuFidelity, MeGe, ReCo and data sets."""
        scored = Scored(table, self.bootstrap)
        runs = [key for key in self.runs(scored) if set(_methods(scored, *key)) == set(SEVEN)]
        if not runs:
            return not_run("the seven methods were not all run on folds")
        ranks = [
            _ranks([scored.estimate(*key, "", method, metric) for method in SEVEN])
            for key in runs
            for metric in ("MuFidelity", *METRICS)
        ]
        ranks = [rank for rank in ranks if not np.isnan(rank[:, 0]).any()]
        if not ranks:
            return not_run("no score exists for all seven methods")
        mean = -np.nanmean(ranks, axis=0)  # higher is better
        images = min(len(scored.images[key]) for key in runs)
        values = {
            m: Estimate(float(row[0]), row[1:], images, self.bootstrap.level, True)
            for m, row in zip(SEVEN, mean, strict=True)
        }
        details = ", ".join(
            f"{m} {-e.value:.1f}" for m, e in sorted(values.items(), key=_descending)
        )
        found = {"the three": lead(values, CAM_AND_RISE)}
        return judge(found, f"mean ranks of {len(ranks)} scores: {details}; lead in ranks")


def _descending(item: tuple[str, Estimate]) -> float:
    return -item[1].value


def _ranks(values: Sequence[Estimate]) -> Floats:
    """Rank of each method, 1 for the highest, in the sample and each resample: (methods, 1 + R)."""
    from scipy.stats import rankdata

    table = np.array([[e.value, *e.draws] for e in values])
    ranks: Floats = rankdata(-table, axis=0, nan_policy="propagate")
    return ranks


@dataclass(frozen=True)
class InputProductInflates(_OnFolds):
    """mege-input-product-inflates: methods that multiply by the input have inflated MeGe."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on tidy rows of the distances."""
        scored = Scored(table, self.bootstrap)
        found, alone = {}, []
        for dataset, model in self.runs(scored):
            present = scored.methods(dataset, model)
            for method in ("IntegratedGradients", "GradientInput"):
                if {"Saliency", method} <= set(present):
                    found[f"{method}, {model} on {dataset}"] = scored.estimate(
                        dataset, model, "", method, "MeGe"
                    ) - scored.estimate(dataset, model, "", "Saliency", "MeGe")
            if "Input" in present:
                value = scored.estimate(dataset, model, "", "Input", "MeGe").value
                alone.append(f"{value:.2f} on {dataset}")
        if not found:
            return not_run("IntegratedGradients or GradientInput, and Saliency, were not run")
        details = f" (the input alone, the same for every network, has {', '.join(alone)})"
        return judge(found, f"MeGe minus that of Saliency{details if alone else ''}")


@dataclass(frozen=True)
class MuFidelityIgnores(_OnFolds):
    """mufidelity-ignores-degradation: MuFidelity changes little at the highest level.

    Attributes:
        margin: the change that still counts as little (the largest of the published curves under
            random weights).
    """

    margin: float = 0.15

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on tidy rows of MuFidelity."""
        scored = Scored(table, self.bootstrap)
        found, changes = {}, []
        for dataset, model in self.runs(scored):
            for kind in KINDS:
                levels = [condition for _, condition in scored.conditions(kind)]
                if len(levels) < 2:
                    continue
                for method in _methods(scored, dataset, model):
                    first, last = (
                        scored.estimate(dataset, model, c, method, "MuFidelity")
                        for c in (levels[0], levels[-1])
                    )
                    change = last - first
                    changes.append(change.value)
                    found[f"{method}, {model} on {dataset}, {kind}"] = Estimate(
                        self.margin - abs(change.value),
                        self.margin - np.abs(change.draws),
                        change.n,
                        change.level,
                    )
        if not found:
            return not_run(NO_FOLDS)
        spread = f"changes from {np.nanmin(changes):+.2f} to {np.nanmax(changes):+.2f}"
        return judge(found, f"margin {self.margin} minus |change of MuFidelity| ({spread})")
