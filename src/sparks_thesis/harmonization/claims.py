"""Claims on the neural harmonizer (fel2022harmonization) and on the alignment of OTNN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.verdict import Verdict, above, judged, not_run
from sparks_thesis.harmonization.tables import of_networks, of_population

ALIGNMENT, ACCURACY = ("Alignment", "max-abs"), ("Accuracy", "test")


@dataclass(frozen=True)
class ImprovesBoth:
    """harm-improves-both: harmonized networks are more aligned, and more accurate.

    Each λ > 0 is compared with λ = 0 of the same seed; the λ with the highest mean alignment on
    each architecture is judged, as the paper shows one network each.

    Attributes:
        bootstrap: of the paired differences, over seeds.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on accuracies (unbiased test images) and alignments."""
        gains, details = [], []
        for name, rows in _architectures(table):
            best = _best_weight(rows)
            for what, asked in (("alignment", ALIGNMENT), ("accuracy", ACCURACY)):
                wide = _seeds(rows, *asked)
                gains.append(self.bootstrap.difference(wide[best], wide[0.0]))
                details.append(f"{name}, λ = {best:g}, {what} {_points(gains[-1])}")
        if not gains:
            return not_run("no network was trained both with and without human maps")
        note = "simulated people, unbiased test images"
        return _all_above(gains, f"{'; '.join(details)} ({{}} seeds; {note})")


@dataclass(frozen=True)
class GainOrder:
    """harm-gain-order: the architectures ordered by their gain in alignment.

    Attributes:
        order: our architectures, the largest gain first.
        bootstrap: of the differences of gains, over seeds.
    """

    order: Sequence[str]
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on the gains of the λ that aligns each architecture best."""
        gains = {}
        for name, rows in _architectures(table):
            wide = _seeds(rows, *ALIGNMENT)
            gains[name] = wide[_best_weight(rows)] - wide[0.0]
        known = [name for name in self.order if name in gains]
        if len(known) < 2:
            return not_run(
                f"of the architectures {', '.join(self.order)} only {', '.join(known) or 'none'} "
                "was harmonized"
            )
        steps = [
            self.bootstrap.mean((gains[more] - gains[less]).dropna())
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
        bootstrap: of the paired differences, over seeds.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on "RevealedAccuracy"."""
        gains, details = [], []
        for name, rows in _architectures(table):
            best = _best_weight(rows)
            curves = rows[rows["metric"] == "RevealedAccuracy"]
            curves = curves[(curves["revealed"] > 0) & (curves["revealed"] < 1)]
            if curves.empty:
                continue
            squares = curves.assign(value=(1 - curves["value"]) ** 2)
            far = (
                squares.pivot_table(index="seed", columns="harmonizer_weight", values="value")
                ** 0.5
            )
            gains.append(self.bootstrap.difference(far[0.0], far[best]))
            details.append(
                f"{name}: distance {far[0.0].mean():.3f}, with λ = {best:g} {far[best].mean():.3f}"
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
        from scipy.spatial import ConvexHull

        rows = published[published["item"].str.startswith("ClickMe")]
        wide = rows.pivot_table(index=["model", "condition"], columns="metric", values="value")
        harmonized = wide.index.get_level_values("condition") == "harmonized"
        points = wide[["Accuracy", "Alignment"]].to_numpy()
        facets = ConvexHull(points[~harmonized]).equations
        # The largest signed distance to a facet is a lower bound of the distance to the hull.
        outside = (points[harmonized] @ facets[:, :2].T + facets[:, 2]).max(1)
        nearest = float(outside.min())
        found = Interval(nearest, nearest - self.error, nearest + self.error, len(outside))
        details = (
            f"{int((outside > 0).sum())} of {len(outside)} harmonized models lie outside the hull "
            f"of the {int((~harmonized).sum())} others, the nearest by {nearest:.1f} points"
        )
        return judged([above(found, 0.0)], found, details)


@dataclass(frozen=True)
class LipschitzAligned:
    """lip-alignment-highest: 1-Lipschitz networks are more aligned than all other plain ones.

    Attributes:
        constrained: architectures that are 1-Lipschitz.
        bootstrap: of the differences to the most aligned other network, over seeds.
    """

    constrained: Sequence[str]
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

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
        best = wide[others].max(axis=1)
        ahead = {name: self.bootstrap.difference(wide[name], best) for name in ours}
        least = min(ahead.values(), key=lambda interval: interval.mean)
        details = ", ".join(f"{name} {100 * wide[name].mean():.1f} %" for name in [*ours, *others])
        return judged(
            [above(i, 0.0) for i in ahead.values()], least, f"{details} ({len(wide)} seeds)"
        )


def _all_above(gains: Sequence[Interval], details: str) -> Verdict:
    """Judge "every gain is above 0" by the smallest; `text` gets its number of seeds at `{}`."""
    smallest = min(gains, key=lambda gain: gain.mean)
    return judged([above(gain, 0.0) for gain in gains], smallest, details.format(smallest.n))


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


def _best_weight(rows: pd.DataFrame) -> float:
    """Return the λ > 0 of the highest mean alignment."""
    wide = _seeds(rows, *ALIGNMENT)
    weights = [weight for weight in map(float, wide.columns) if weight > 0]
    return max(weights, key=lambda weight: float(wide[weight].mean()))


def _seeds(rows: pd.DataFrame, metric: str, setting: str) -> pd.DataFrame:
    """Seeds × λ."""
    chosen = rows[(rows["metric"] == metric) & (rows["setting"] == setting)]
    return chosen.pivot_table(index="seed", columns="harmonizer_weight", values="value")


def _points(gain: Interval) -> str:
    details = "one seed" if gain.n == 1 else f"[{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
    return f"{100 * gain.mean:+.1f} points {details}"
