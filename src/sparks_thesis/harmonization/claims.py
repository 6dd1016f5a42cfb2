"""Claims on the neural harmonizer (fel2022harmonization) and on the alignment of OTNN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Floats, Interval, mean_of_few, shown
from sparks_thesis.common.verdict import Verdict, above, judged, not_run
from sparks_thesis.harmonization.tables import of_networks, of_population

ALIGNMENT, ACCURACY = ("Alignment", "max-abs"), ("Accuracy", "test")


@dataclass(frozen=True)
class ImprovesBoth:
    """harm-improves-both: harmonized networks are more aligned, and more accurate.

    On each architecture, the harmonized network of each seed is compared with λ = 0 of the same
    seed. Its λ is the one with the highest mean alignment over the other seeds, as the paper shows
    one network each: chosen on the seeds that judge, the best would owe its lead to chance.

    Attributes:
        level: of Student's interval of the paired differences, over seeds.
    """

    level: float = 0.95

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on accuracies (unbiased test images) and alignments."""
        gains, details = [], []
        for name, rows in _architectures(table):
            for what, asked in (("alignment", ALIGNMENT), ("accuracy", ACCURACY)):
                gains.append(mean_of_few(_gain(rows, _seeds(rows, *asked)), self.level))
                details.append(f"{name}, λ = {_weights(rows)}, {what} {_points(gains[-1])}")
        if not gains:
            return not_run("no network was trained both with and without human maps")
        note = "simulated people, unbiased test images"
        return _all_above(gains, f"{'; '.join(details)} ({{}} seeds; {note})")


@dataclass(frozen=True)
class GainOrder:
    """harm-gain-order: the architectures ordered by their gain in alignment.

    Attributes:
        order: our architectures, the largest gain first.
        level: of Student's interval of the differences of gains, over seeds.
    """

    order: Sequence[str]
    level: float = 0.95

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on the gains of the λ that aligns each architecture best."""
        gains = {
            name: _gain(rows, _seeds(rows, *ALIGNMENT)) for name, rows in _architectures(table)
        }
        known = [name for name in self.order if name in gains]
        if len(known) < 2:
            return not_run(
                f"of the architectures {', '.join(self.order)} only {', '.join(known) or 'none'} "
                "was harmonized"
            )
        steps = [
            mean_of_few((gains[more] - gains[less]).dropna(), self.level)
            for more, less in pairwise(known)
        ]
        details = ", ".join(f"{name} {100 * gains[name].mean():+.1f}" for name in known)
        return _all_above(steps, f"gains in alignment, points: {details} (simulated people)")


@dataclass(frozen=True)
class HowCurves:
    """harm-how-curves: with few human features shown, harmonized networks answer as people would.

    How people answer is unknown here. An ideal observer takes their place, who is right as soon as
    anything is shown; the distance to it is the root mean square of 1 − accuracy over the shares
    that show some features and not all.

    Attributes:
        level: of Student's interval of the paired differences, over seeds.
    """

    level: float = 0.95

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on "RevealedAccuracy"."""
        gains, details = [], []
        for name, rows in _architectures(table):
            curves = rows[rows["metric"] == "RevealedAccuracy"]
            curves = curves[(curves["revealed"] > 0) & (curves["revealed"] < 1)]
            if curves.empty:
                continue
            squares = curves.assign(value=(1 - curves["value"]) ** 2)
            far = (
                squares.pivot_table(index="seed", columns="harmonizer_weight", values="value")
                ** 0.5
            )
            nearer = -_gain(rows, far)
            gains.append(mean_of_few(nearer, self.level))
            plain = far[0.0].mean()
            details.append(
                f"{name}: distance {plain:.3f}, with λ = {_weights(rows)} "
                f"{plain - nearer.mean():.3f}"
            )
        if not gains:
            return not_run("accuracy on revealed human features was not measured with and without")
        return _all_above(gains, f"{'; '.join(details)} ({{}} seeds; ideal observer)")


@dataclass(frozen=True)
class Tradeoff:
    """harm-accuracy-alignment-tradeoff: the more accurate standard networks are less aligned.

    Accuracy is that on images like those of training, as the paper's: with a shortcut there, the
    biased ones. On images without it, both numbers are low where a network looks at the shortcut.

    Attributes:
        networks: kinds of standard networks below which a correlation is none.
        bootstrap: of the rank correlation, over kinds: a cluster is the seeds of a kind.
    """

    networks: int = 10
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on the networks of the study `population`."""
        points = of_population(table)
        if len(points) < self.networks:
            return not_run(
                f"{len(points)} kinds of networks were measured, of the {self.networks} that a "
                "correlation needs"
            )
        found, unbiased = (
            self.bootstrap.rank_correlation(points[split], points["Alignment"])
            for split in (points.columns[-1], "test")
        )
        details = (
            f"rank correlation {shown(found, 2)} over {len(points)} kinds of networks, with "
            f"accuracies of {points.iloc[:, -1].min():.2f} to {points.iloc[:, -1].max():.2f}; "
            f"with accuracy on unbiased images {shown(unbiased, 2)}"
        )
        return judged([above(-found, 0.0)], found, details)


@dataclass(frozen=True)
class OutsideHull:
    """harm-outside-hull: arithmetic on the published points (accuracy, alignment), in percent.

    Attributes:
        error: of a distance between points read off the figure, in points.
    """

    error: float = 0.2

    def __call__(self, published: pd.DataFrame) -> Verdict:
        """Judge the claim on the rows of fel2022harmonization's figure on ClickMe."""
        rows = published[published["item"].str.startswith("ClickMe")]
        wide = rows.pivot_table(index=["model", "condition"], columns="metric", values="value")
        harmonized = wide.index.get_level_values("condition") == "harmonized"
        points = wide[["Accuracy", "Alignment"]].to_numpy()
        outside = _beyond_hull(points[~harmonized], points[harmonized])
        usual, nearest = _left_out(points[~harmonized]), float(outside.min())
        found = Interval(nearest, nearest - self.error, nearest + self.error, len(outside))
        details = (
            f"{int((outside > 0).sum())} of {len(outside)} harmonized models lie outside the hull "
            f"of the {int((~harmonized).sum())} others, the nearest by {nearest:.1f} points"
        )
        # A point that lies outside says little where each of the others lies as far outside.
        control = f"any other model lies at most {usual:.1f} points outside the hull of the rest"
        return judged([above(found, 0.0)], found, details).controlled(
            nearest <= 0 or nearest > usual, control
        )


@dataclass(frozen=True)
class OutsideMeasuredHull:
    """harm-outside-hull, of networks trained here: those of the study `population` are the cloud.

    To these come the harmonized networks' own baselines. Of so few networks many lie outside the
    hull of the others: harmonized ones must lie further outside than any of these. Accuracy is that
    on images like those of training, as the paper's.

    Attributes:
        networks: kinds of standard networks below which there is no cloud.
        level: of Student's interval of the distance to the hull, over seeds.
    """

    networks: int = 10
    level: float = 0.95

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on each architecture's harmonized networks, seed by seed."""
        cloud = of_population(table)
        if len(cloud) < self.networks:
            return not_run(f"{len(cloud)} kinds of networks were measured, of {self.networks}")
        split = str(cloud.columns[-1])
        plain, harmonized = [cloud[[split, "Alignment"]].to_numpy()], {}
        for name, rows in _architectures(table):
            right, like = _seeds(rows, "Accuracy", split), _seeds(rows, *ALIGNMENT)
            plain.append(np.array([[right[0.0].mean(), like[0.0].mean()]]))
            chosen = [_of_chosen(rows, wide) for wide in (right, like)]
            harmonized[name] = np.stack(chosen, 1)
        if not harmonized:
            return not_run("no network was trained both with and without human maps")
        hull = 100 * np.concatenate(plain)
        beyond = {
            name: mean_of_few(_beyond_hull(hull, 100 * points), self.level)
            for name, points in harmonized.items()
        }
        details = ", ".join(f"{name} {shown(i, 1, sign='+')}" for name, i in beyond.items())
        usual = _left_out(hull)
        return _all_above(
            list(beyond.values()),
            f"distance to the hull of {len(hull)} other kinds of networks, in points: {details} "
            f"({{}} seeds); any of these lies at most {usual:.1f} outside the hull of the rest",
            usual,
        )


def _left_out(cloud: Floats) -> float:
    """Return how far a point of a cloud (n, 2) lies outside the hull of the rest, at most."""
    rest = [np.delete(cloud, i, axis=0) for i in range(len(cloud))]
    return max(float(_beyond_hull(others, cloud[[i]]).item()) for i, others in enumerate(rest))


def _beyond_hull(cloud: Floats, points: Floats) -> Floats:
    """Return how far each point (n, 2) lies outside the convex hull of a cloud; inside below 0.

    It is the largest signed distance to a side, a lower bound of the distance to the hull.
    """
    from scipy.spatial import ConvexHull

    sides = ConvexHull(cloud).equations
    far: Floats = (points @ sides[:, :2].T + sides[:, 2]).max(1)
    return far


@dataclass(frozen=True)
class LipschitzAligned:
    """lip-alignment-highest: 1-Lipschitz networks are more aligned than all other plain ones.

    Each is compared with every other network: of several equal ones, the best of a seed owes its
    lead to chance.

    Attributes:
        constrained: architectures that are 1-Lipschitz.
        level: of Student's interval of the differences, over seeds.
    """

    constrained: Sequence[str]
    level: float = 0.95

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on the alignment of networks that no human map was shown to (λ = 0)."""
        means = _of_networks(table)
        if means.empty:
            return not_run("no alignment was measured")
        plain = means[(means["harmonizer_weight"] == 0) & (means["metric"] == ALIGNMENT[0])]
        plain = plain[plain["setting"] == ALIGNMENT[1]]
        wide = plain.pivot_table(
            index=["dataset", "seed"], columns="architecture", values="value"
        ).dropna()
        ours = [name for name in wide if name in self.constrained]
        others = [name for name in wide if name not in self.constrained]
        if wide.empty or not ours or not others:
            return not_run("no 1-Lipschitz network was measured beside another")
        ahead = [
            mean_of_few(wide[own] - wide[other], self.level) for own in ours for other in others
        ]
        details = ", ".join(f"{name} {100 * wide[name].mean():.1f} %" for name in [*ours, *others])
        return _all_above(ahead, f"{details} ({{}} seeds)")


def _all_above(gains: Sequence[Interval], details: str, threshold: float = 0.0) -> Verdict:
    """Judge "every gain is above" by the smallest; `details` gets its number of seeds at `{}`."""
    smallest = min(gains, key=lambda gain: gain.mean)
    parts = [above(gain, threshold) for gain in gains]
    return judged(parts, smallest, details.format(smallest.n))


def _of_networks(table: pd.DataFrame) -> pd.DataFrame:
    try:
        return of_networks(table)
    except SparksError:
        return pd.DataFrame(columns=["architecture", "harmonizer_weight"])


def _architectures(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each architecture that has a baseline and a harmonized network."""
    found = []
    for name, rows in _of_networks(table).groupby("architecture"):
        weights = _seeds(rows, *ALIGNMENT).columns
        if 0.0 in weights and len(weights) > 1:
            found.append((str(name), rows))
    return found


def _chosen_weights(rows: pd.DataFrame) -> dict[int, float]:
    """Return the λ > 0 of each seed: that of the highest mean alignment over the other seeds."""
    wide = _seeds(rows, *ALIGNMENT)
    harmonized = wide[[weight for weight in map(float, wide.columns) if weight > 0]].dropna(
        how="all"
    )
    chosen = {}
    for seed in map(int, harmonized.index):
        others = harmonized.drop(index=seed) if len(harmonized) > 1 else harmonized
        chosen[seed] = float(others.mean().idxmax())
    return chosen


def _weights(rows: pd.DataFrame) -> str:
    return " or ".join(f"{weight:g}" for weight in sorted(set(_chosen_weights(rows).values())))


def _of_chosen(rows: pd.DataFrame, wide: pd.DataFrame) -> pd.Series:
    """Return a quantity (seeds × λ) of the chosen λ, seed by seed."""
    chosen = _chosen_weights(rows)
    return pd.Series([wide[weight][seed] for seed, weight in chosen.items()], index=list(chosen))


def _gain(rows: pd.DataFrame, wide: pd.DataFrame) -> pd.Series:
    """Return a quantity (seeds × λ) of the chosen λ minus that of λ = 0, seed by seed."""
    return (_of_chosen(rows, wide) - wide[0.0]).dropna()


def _seeds(rows: pd.DataFrame, metric: str, setting: str) -> pd.DataFrame:
    """Seeds × λ."""
    chosen = rows[(rows["metric"] == metric) & (rows["setting"] == setting)]
    return chosen.pivot_table(index="seed", columns="harmonizer_weight", values="value")


def _points(gain: Interval) -> str:
    if np.isnan(gain.low):
        return f"{100 * gain.mean:+.1f} points (no interval: fewer than three seeds)"
    return f"{100 * gain.mean:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
