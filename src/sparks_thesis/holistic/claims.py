"""Claims of the holistic framework (fel2023holistic)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.runs import of_run, runs
from sparks_thesis.common.verdict import (
    Outcome,
    Verdict,
    above,
    alone,
    judged,
    never,
    not_run,
    not_worse,
)

# Rows of each concept of a class.
STRATEGIES = ("Prevalence", "Reliability", "GlobalImportance", "Dominated")
OPTIMUM = "optimum at the last layer"  # label of the order by contributions u γ


@dataclass(frozen=True)
class SameAtLastLayer:
    """holistic-gi-ig-occlusion-equal: three methods give the same importances at the last layer.

    Attributes:
        methods: labels of them.
        exact: largest error, over the largest contribution, that counts as rounding.
    """

    methods: Sequence[str] = ("GradientInput", "IntegratedGradients", "Occlusion")
    exact: float = 1e-3

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "IdentityError"."""
        rows = table[(table["metric"] == "IdentityError") & table["method"].isin(self.methods)]
        if not set(self.methods) <= set(rows["method"]):
            return not_run(f"{', '.join(self.methods)} were not all run on concepts")
        worst = {str(name): float(g["value"].max()) for name, g in rows.groupby("method")}
        details = "; ".join(f"{name} {value:.1e}" for name, value in worst.items())
        units = ["dataset", "model", "seed", "image"]
        return never(
            (rows["value"] >= self.exact).groupby([rows[u] for u in units], dropna=False).any(),
            f"largest distance from u γ over {rows['image'].nunique()} images, in units of the "
            f"largest contribution: {details} (the effect is the share of images above "
            f"{self.exact:g})",
        )


@dataclass(frozen=True)
class OptimalAtLastLayer:
    """holistic-last-layer-optimal: four methods reach the optimum of the three metrics there.

    Attributes:
        methods: labels of them. RISE is optimal in expectation only, so that it is judged with all
            subsets of the concepts.
        margin: shortfall of the mean, in standard deviations of the optimum over images, that
            counts as none.
        sampled: method with random subsets, whose shortfall is reported but not judged.
        bootstrap: of the paired differences, over images.
    """

    methods: Sequence[str] = (
        "GradientInput", "IntegratedGradients", "Occlusion", "RISE, all subsets",
    )  # fmt: skip
    margin: float = 0.02
    sampled: str = "RISE"
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows of the metrics at the last layer."""
        outcomes, shortfalls, by_sampling = [], {}, []
        for where, wide in _at_last(table):
            for metric, values in wide.items():
                if self.sampled in values:
                    short = _shortfall(values, metric, self.sampled, self.bootstrap)
                    by_sampling.append(short.mean)
                for method in (m for m in self.methods if m in values):
                    short = _shortfall(values, metric, method, self.bootstrap)
                    shortfalls[f"{method}, {metric}, {where}"] = short
                    # Where all images score the same as the optimum, nothing is estimated.
                    same = bool((values[method] == values[OPTIMUM]).all())
                    outcomes.append(Outcome.HOLDS if same else not_worse(-short, self.margin))
        if not shortfalls:
            return not_run("no concepts were ranked at the last layer")
        name, worst = max(shortfalls.items(), key=lambda item: item[1].mean)
        held = sum(alone(outcome) is Outcome.HOLDS for outcome in outcomes)
        return judged(
            outcomes,
            worst,
            f"{held} of {len(outcomes)} comparisons within {self.margin} standard deviations of "
            f"the optimum; largest shortfall {shown(worst, 3)} ({name}); {self.sampled} with "
            f"random subsets up to {max(by_sampling, default=0.0):.3f}",
            shortfalls.values(),
        )


@dataclass(frozen=True)
class SignBlindSuboptimal:
    """holistic-sign-blind-suboptimal: methods that miss the coefficient or the sign fall short.

    Attributes:
        methods: labels of them.
        bootstrap: of the paired differences, over images.
    """

    methods: Sequence[str] = ("Saliency", "SmoothGrad", "TCAV", "Sobol", "HSIC")
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on C-Deletion and C-Insertion at the last layer."""
        outcomes, shortfalls = [], {}
        for where, wide in _at_last(table):
            for metric in ("C-Deletion", "C-Insertion"):
                for method in (m for m in self.methods if m in wide.get(metric, {})):
                    short = _shortfall(wide[metric], metric, method, self.bootstrap)
                    shortfalls[f"{method}, {metric}, {where}"] = short
                    outcomes.append(above(short, 1e-4))
        if not shortfalls:
            return not_run("no concepts were ranked at the last layer")
        least = min(shortfalls.values(), key=lambda short: short.mean)
        details = "; ".join(f"{name} {short.mean:.2f}" for name, short in shortfalls.items())
        text = f"shortfall in standard deviations of the optimum: {details}"
        return judged(outcomes, least, text, shortfalls.values())


def _at_last(table: pd.DataFrame) -> Iterator[tuple[str, Mapping[str, pd.DataFrame]]]:
    """Yield each model with metric → images × methods at its last layer."""
    metrics = ["C-Deletion", "C-Insertion", "C-MuFidelity"]
    errors = table[table["metric"] == "IdentityError"]
    for where, group in runs(table[table["metric"].isin(metrics)]):
        last = errors[of_run(errors, where)]["layer"]
        if last.empty:
            continue
        here = group[group["layer"] == last.iloc[0]]
        yield (
            where,
            {
                str(metric): rows.pivot_table(
                    index=["seed", "image"], columns="method", values="value"
                )
                for metric, rows in here.groupby("metric")
            },
        )


def _shortfall(wide: pd.DataFrame, metric: str, method: str, bootstrap: Bootstrap) -> Interval:
    """Return a method's distance from the optimum, in standard deviations over images."""
    best = wide[OPTIMUM]
    spread = float(best.std(ddof=0)) if metric != "C-MuFidelity" else 1.0
    size = spread if spread > 0 else 1.0  # a single image has no spread
    sign = 1 if metric == "C-Deletion" else -1
    return bootstrap.mean(sign * (wide[method] - best) / size)


@dataclass(frozen=True)
class LastLayerMostFaithful:
    """holistic-last-layer-most-faithful: importance is most faithful at the last layer.

    Attributes:
        bootstrap: of the paired differences, over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on C-MuFidelity, and on the spread of methods by layer."""
        rows = table[(table["metric"] == "C-MuFidelity") & (table["method"] != "Random")]
        errors = table[table["metric"] == "IdentityError"]
        gains, spreads = {}, []
        for where, group in runs(rows):
            last = errors[of_run(errors, where)]["layer"]
            if last.empty:
                continue
            # Some methods explain earlier layers only, and all subsets are taken at late ones only.
            layers = group.groupby("method")["layer"].nunique()
            group = group[group["method"].isin(layers[layers == layers.max()].index)]
            mean = group.pivot_table(index="image", columns="layer", values="value")
            by = group.pivot_table(index="layer", columns="method", values="value")
            spreads.append(
                f"{where}: " + ", ".join(f"{v} {s:.2f}" for v, s in by.std(axis=1).items())
            )
            for layer in (name for name in mean if name != last.iloc[0]):
                gain = self.bootstrap.difference(mean[last.iloc[0]], mean[layer])
                gains[f"{last.iloc[0]} over {layer}, {where}"] = gain
        if not gains:
            return not_run("concepts were ranked at one layer only")
        worst = min(gains.values(), key=lambda gain: gain.mean)
        details = "; ".join(f"{name}: {shown(gain, 2)}" for name, gain in gains.items())
        return judged(
            [above(gain, 0.0) for gain in gains.values()],
            worst,
            f"gain of C-MuFidelity, mean of methods, {details}; spread of methods, "
            + "; ".join(spreads),
            gains.values(),
        )


@dataclass(frozen=True)
class ExtractionTradeoff:
    """holistic-extraction-tradeoff: PCA reconstructs best, K-Means is sparsest, NMF in between.

    Attributes:
        bootstrap: of the paired differences, over classes.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on reconstruction, sparsity and stability above chance, at equal k.

        Non-negative atoms match by chance far better than signed ones, so that bare stabilities of
        NMF and PCA cannot be compared.
        """
        rows = table[table["analysis"] == "last"]
        gains = {}
        for where, group in runs(rows):
            wide = {
                str(metric): one.pivot_table(
                    index=["seed", "target"], columns="method", values="value"
                )
                for metric, one in group.groupby("metric")
            }
            if not {"PCA", "NMF", "K-Means"} <= set(wide["RelativeL2"]):
                continue
            error, zeros, stable = (
                wide[m] for m in ("RelativeL2", "Sparsity", "StabilityAboveChance")
            )
            pairs = {
                "error of NMF less PCA": (error["NMF"], error["PCA"]),
                "error of K-Means less NMF": (error["K-Means"], error["NMF"]),
                "zeros of K-Means less NMF": (zeros["K-Means"], zeros["NMF"]),
                "zeros of NMF less PCA": (zeros["NMF"], zeros["PCA"]),
                "stability above chance of NMF less PCA": (stable["NMF"], stable["PCA"]),
            }
            for name, pair in pairs.items():
                gains[f"{name}, {where}"] = self.bootstrap.difference(*pair)
        if not gains:
            return not_run("PCA, NMF and K-Means were not all fitted")
        worst = min(gains.values(), key=lambda gain: gain.mean)
        details = "; ".join(f"{name}: {shown(gain, 3)}" for name, gain in gains.items())
        return judged([above(gain, 0.0) for gain in gains.values()], worst, details)


@dataclass(frozen=True)
class PrevalenceReliability:
    """holistic-prevalence-reliability: a concept can be prevalent but unreliable.

    Attributes:
        threshold: rank correlation that must not be reached.
        least: concepts of images with mistakes that are needed.
        bootstrap: of the rank correlation, over concepts.
    """

    threshold: float = 0.9
    least: int = 10
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows "Prevalence" and "Reliability" of concepts that dominate."""
        found, details = [], []
        for where, group in runs(table[table["metric"].isin(STRATEGIES)]):
            wide = group.pivot_table(
                index=["seed", "class_name", "concept"],
                columns="metric",
                values="value",
                dropna=False,
            )
            seen = wide[wide["Dominated"] > 0]
            if int((seen["Reliability"] < 1).sum()) < self.least:
                continue
            pairs = seen[["Prevalence", "Reliability"]].to_numpy()
            found.append(self.bootstrap.rank_correlation(*pairs.T))
            often = seen[seen["Prevalence"] >= seen["Prevalence"].quantile(0.75)]
            details.append(
                f"{where}: rank correlation of prevalence and reliability {shown(found[-1], 2)} "
                f"over {len(pairs)} concepts; least reliable of the most prevalent quarter "
                f"{often['Reliability'].min():.2f}"
            )
        if not found:
            return not_run("the models make too few mistakes: reliability is 1 almost everywhere")
        highest = max(found, key=lambda interval: interval.mean)
        outcomes = [above(-interval, -self.threshold) for interval in found]
        return judged(outcomes, highest, "; ".join(details))
