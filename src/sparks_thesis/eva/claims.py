"""Claims of "Don't Lie to Me!" (fel2023eva, arXiv 2202.07728)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparks.stats import (
    Bootstrap,
    interval_of,
    kendall_tau,
    proportion,
    shown,
)
from sparks_thesis.common.ranking import against_place
from sparks_thesis.common.verdict import Outcome, Verdict, above, judged, never, not_run

# 1 where higher is better.
SIGN = {"Deletion": -1.0, "Insertion": 1.0, "MuFidelity": 1.0, "Robustness-Sr": -1.0}
TOLERANCE = 1e-6  # of overlaps that are as good as equal


def of_balls(table: pd.DataFrame) -> pd.DataFrame:
    """Return sampled, attacked and certified overlap, one row for each image and radius."""
    rows = table[table["epsilon"].notna()]
    keys = ["dataset", "model", "seed", "image", "epsilon"]
    return rows.pivot_table(index=keys, columns="metric", values="value").reset_index()


def found_overlap(balls: pd.DataFrame) -> pd.Series:
    """Return the largest overlap that sampling and attack found in each ball."""
    return balls[["SampledOverlap", "AttackedOverlap"]].max(axis=1)


def _by_image(of_each_ball: pd.Series, balls: pd.DataFrame) -> pd.Series:
    """Say of each image whether something is true of any of its balls: these are no samples."""
    found: pd.Series = of_each_ball.groupby(
        [balls[key] for key in ("dataset", "model", "seed", "image")]
    ).any()
    return found


def usual(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of methods with their own settings."""
    varied = table["epsilon"].notna() | table["attack_steps"].notna() | (table["bound"] != "")
    return table[~varied & (table["baseline"] == "")]


@dataclass(frozen=True)
class BoundSound:
    """eva-bound-sound: certified overlaps are upper bounds, and freezing a cell raises none."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge on overlaps found and proved, and on the smallest EVA of each image."""
        balls = of_balls(table)
        smallest = table[table["metric"] == "SmallestEVA"]
        if balls.empty or smallest.empty:
            return not_run("no network was verified from its input")
        excess = found_overlap(balls) - balls["CertifiedOverlap"]
        negative = smallest["value"] < 0
        broken = int((excess > 0).sum() + negative.sum())
        images = pd.concat([_by_image(excess > 0, balls), _by_image(negative, smallest)])
        return never(
            images.groupby(level=[0, 1, 2, 3]).any(),
            f"{broken} violations in {len(balls)} balls and {len(smallest)} images (the effect is "
            "the share of images with one); found minus proved is at most "
            f"{excess.max():.3g}, the smallest EVA of a cell is {smallest['value'].min():.3g}",
        )


@dataclass(frozen=True)
class Certifies:
    """eva-certifies-robustness: no attack succeeds where the certified overlap is at most 0."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge on the balls that are certified."""
        balls = of_balls(table)
        if balls.empty or not (proved := balls["CertifiedOverlap"] <= 0).any():
            return not_run("no ball is certified")
        flipped = (found_overlap(balls) > 0)[proved]
        others = (balls["AttackedOverlap"] > 0)[~proved]
        return never(
            _by_image(flipped, balls[proved]),
            f"attacks flip {int(flipped.sum())} of {len(flipped)} certified balls, and "
            f"{int(others.sum())} of the {len(others)} others (the effect is the share of images "
            "with a certified ball that is flipped)",
        )


@dataclass(frozen=True)
class Ranks:
    """EVA's place among the methods, metric by metric.

    Attributes:
        models: networks it is judged on.
        ranks: method → metric → the place it must reach.
        rivals: labels of the paper's methods.
        bootstrap: of the paired differences, over images.
    """

    models: Sequence[str]
    ranks: Mapping[str, Mapping[str, int]]
    rivals: Sequence[str]
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Compare with the rival that holds the place on the other half of the images."""
        rows = usual(table[table["model"].isin(list(self.models))])
        outcomes, details, gains = [], [], []
        for (dataset, model), group in rows.groupby(["dataset", "model"]):
            for method, metrics in self.ranks.items():
                for metric, place in metrics.items():
                    wide = group[group["metric"] == metric].pivot_table(
                        index=["seed", "image"], columns="method", values="value"
                    )
                    rivals = [r for r in self.rivals if r in wide.columns and r != method]
                    if method not in wide.columns or len(rivals) < place:
                        continue
                    wide = SIGN[metric] * wide
                    ahead, holders = against_place(wide, method, rivals, place)
                    gain = self.bootstrap.mean(ahead)
                    reached = 1 + int((wide[rivals].mean() > wide[method].mean()).sum())
                    outcomes.append(above(gain, 0.0))
                    gains.append(gain)
                    details.append(
                        f"{method} is number {reached} of {len(rivals) + 1} in {metric} ({model} "
                        f"on {dataset}; {shown(gain, sign='+')} against "
                        f"{' and '.join(dict.fromkeys(holders))})"
                    )
        if not outcomes:
            return not_run("none of its networks was run with these methods")
        worst = min(gains, key=lambda interval: interval.mean)
        return judged(outcomes, worst, "; ".join(details), gains)


@dataclass(frozen=True)
class TighterIsBetter:
    """eva-tighter-is-better: the order of the bounds by tightness is that of their scores.

    Attributes:
        bootstrap: over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge Kendall's τ of tightness and each metric over bounds, averaged over metrics."""
        rows = table[table["bound"] != ""]
        if rows.empty:
            return not_run("bounds were not compared")
        wide = rows.pivot_table(
            index=["dataset", "model", "seed", "image"],
            columns=["metric", "bound"],
            values="value",
        )

        values, names = wide.to_numpy(), wide.columns.get_level_values("metric")
        at = {name: names == name for name in ("Tightness", *SIGN)}

        def taus(chosen: NDArray[np.float64]) -> dict[str, float]:
            means = np.nanmean(chosen, axis=0)
            tight = -means[at["Tightness"]]
            return {m: kendall_tau(tight, s * means[at[m]]) for m, s in SIGN.items()}

        found = taus(values)
        drawn = [
            np.nanmean(list(taus(values[w]).values())) for w in self.bootstrap.draws(len(values))
        ]
        mean = float(np.nanmean(list(found.values())))
        interval = interval_of(mean, drawn, len(wide), self.bootstrap.level, True)
        each = ", ".join(f"{metric} {tau:+.2f}" for metric, tau in found.items())
        tight = dict(wide.mean()["Tightness"])
        order = " < ".join(sorted(map(str, tight), key=tight.__getitem__))
        text = f"τ with tightness: {each}; {order}"
        return judged([above(interval, 0.0)], interval, text, [interval])


@dataclass(frozen=True)
class Faster:
    """eva-faster-than-greedy-as: a small part of the work of Greedy-AS.

    Attributes:
        several: ratio that counts as "far cheaper".
    """

    several: float = 10.0

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge on floating-point operations: seconds differ from run to run."""
        rows = table[table["metric"] == "Flops"]
        wide = rows.pivot_table(index=["dataset", "model"], columns="method", values="value")
        if not {"EVA", "Greedy-AS"} <= set(wide.columns):
            return not_run("EVA and Greedy-AS were not both run")
        ratios = wide["Greedy-AS"] / wide["EVA"]
        places = [f"{model} on {dataset}" for dataset, model in wide.index.to_list()]
        each = "; ".join(f"{w}: {r:.1f}" for w, r in zip(places, ratios, strict=True))
        enough = [r > self.several for r in ratios]
        outcome = Outcome.HOLDS if all(enough) else Outcome.INCONCLUSIVE
        if not any(enough):
            outcome = Outcome.FAILS
        least = float(ratios.min())
        details = f"operations of Greedy-AS over EVA's, {each} (counted, no interval; seconds: "
        details += "tab-eva)"
        return Verdict(outcome, least, math.nan, math.nan, details, of_images=False)


@dataclass(frozen=True)
class OptimalSubset:
    """eva-optimal-subset: EVA's best k elements are the best subset of k."""

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge on tiny networks, where every subset can be tried."""
        rows = table[table["metric"].isin(["SubsetOverlap", "BestOverlap"])]
        if rows.empty:
            return not_run("tiny networks were not tried")
        keys = ["architecture", "subset", "repeat"]
        wide = rows.pivot_table(index=keys, columns="metric", values="value").reset_index()
        right = (wide["SubsetOverlap"] >= wide["BestOverlap"] - TOLERANCE).to_numpy()
        flat = (wide["architecture"] == "linear").to_numpy()
        linear, other = right[flat], right[~flat]
        # The subsets of a network are no samples: it counts where all of them are optimal.
        share = proportion(wide.assign(right=right)[~flat].groupby("repeat")["right"].all())
        outcome = Outcome.HOLDS if right.all() else Outcome.INCONCLUSIVE
        if not linear.all():
            outcome = Outcome.FAILS
        verdict = judged(
            [outcome],
            share,
            f"optimal for {int(linear.sum())} of {len(linear)} subsets of linear networks and "
            f"{int(other.sum())} of {len(other)} of networks with a hidden layer; the theorem's "
            "assumptions are in an appendix that is not available (the effect is the share of the "
            "latter networks in which all subsets are optimal)",
        )
        return replace(verdict, of_images=False)


@dataclass(frozen=True)
class TargetedSign:
    """eva-targeted-sign: ink on the best cells of targeted maps leads to the class aimed at.

    Attributes:
        bootstrap: of the differences, over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the gain in margin against random pixels, for adding and for removing."""
        rows = table[table["metric"].str.startswith("Gain")]
        if rows.empty:
            return not_run("no targeted maps were made")
        keys = ["dataset", "model", "seed", "image"]
        wide = rows.pivot_table(index=keys, columns="metric", values="value")
        gains = {
            side: self.bootstrap.difference(wide[f"Gain{side}"], wide[f"Gain{side}Random"])
            for side in ("Add", "Remove")
        }
        worst = min(gains.values(), key=lambda gain: gain.mean)
        details = "; ".join(
            f"{side.lower()}: {wide[f'Gain{side}'].mean():+.2f}, random "
            f"{wide[f'Gain{side}Random'].mean():+.2f}, difference [{g.low:+.2f}, {g.high:+.2f}]"
            for side, g in gains.items()
        )
        outcomes = [above(gain, 0.0) for gain in gains.values()]
        return judged(outcomes, worst, f"change of the margin, {details}", gains.values())
