"""Claims on directions: pushing along a concept works up to a point, and parts are directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import Bootstrap, shown
from sparks_thesis.common.runs import of_run, runs
from sparks_thesis.common.verdict import Part, Verdict, above, judged, not_run, some

ORACLE = "gradient"  # the direction in which the logit rises fastest at first
# Of each metric: the row that is judged, and the controls that it must exceed.
PARTS = {
    "DirectionShare": ("part", "random parts", "untrained network"),
    "AtomCosine": ("dictionary", "shuffled atoms"),
    "ChangeSpearman": ("atom", "shuffled atom"),
}
WATCHED = ("SteeringLogit", "SteeringOtherLogits", "SteeringOtherConcepts")


@dataclass(frozen=True)
class WorksThenFails:
    """steering-works-then-fails: features are not simply directions.

    Early, at the smallest step measured: the logit of the class rises more along its concept than
    along each control, and more than the other logits move, and the other concepts stay put. Late,
    at some step no longer than an activation: the logit gains less per step than at first, or the
    other concepts change by as much as they are.

    At the last layer the logits are linear, and a push along an atom adds to its own code alone:
    the other concepts stay put and nothing bends by construction, so neither is judged there.

    Attributes:
        longest: step in mean lengths of an activation, beyond which nothing is asked.
        still: change of the other concepts, relative to their size, that counts as none.
        bootstrap: of the means and paired differences, over images.
    """

    longest: float = 1.0
    still: float = 0.1
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows `WATCHED` of each layer."""
        outcomes: list[Part] = []
        ahead, details, judged_late = {}, [], False
        for where, last, rows in _layers(table):
            logit, side, others = (_steps(rows, metric, "concept") for metric in WATCHED)
            steps = [t for t in map(float, logit.columns) if t <= self.longest]
            controls = sorted(set(rows["method"]) - {"concept", ORACLE})
            if len(steps) < 2 or not controls:
                continue
            first = steps[0]
            for control in controls:
                theirs = _steps(rows, "SteeringLogit", control)[first]
                gain = self.bootstrap.difference(logit[first], theirs)
                ahead[f"{control}, {where}"] = gain
                outcomes.append(above(gain, 0.0))
            outcomes.append(above(self.bootstrap.difference(logit[first], side[first]), 0.0))
            late = ""
            if not last:
                judged_late = True
                outcomes.append(above(self.bootstrap.mean(self.still - others[first]), 0.0))
                rates = {t: logit[t] / t for t in steps}
                bends = [self.bootstrap.mean(others[t] - 1) for t in steps[1:]]
                bends += [self.bootstrap.difference(rates[first], rates[t]) for t in steps[1:]]
                fails = some([above(bend, 0.0) for bend in bends])
                outcomes.append(fails)
                late = f", failure {fails.value}"
            details.append(_sentence(where, logit, side, others, first, steps[-1]) + late)
        if not judged_late:
            return not_run("activations were not pushed before the last layer")
        least = min(ahead.values(), key=lambda gain: gain.mean)
        name = next(where for where, gain in ahead.items() if gain is least)
        lead = f"smallest lead over a control {shown(least, 2)} ({name})"
        return judged(outcomes, least, f"{lead}; {'; '.join(details)}")


@dataclass(frozen=True)
class PartIsDirection:
    """linear-part-is-direction: parts are directions, atoms match them, and act as they do.

    Attributes:
        alike: rank correlation of the logit's changes that must be exceeded.
        bootstrap: of means and paired differences, over pairs of class and part.
    """

    alike: float = 0.5
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows of the study `linear`, at each model's last layer."""
        gains, outcomes = {}, []
        rows = table[table["part"].notna() & table["metric"].isin(PARTS)]
        depths = table[table["metric"] == "LayerDepth"]
        for where, group in runs(rows):
            depth = depths[of_run(depths, where)].groupby("layer")["value"].first()
            here = group[group["layer"] == depth[depth.index.isin(group["layer"])].idxmax()]
            for metric, (own, *controls) in PARTS.items():
                wide = here[here["metric"] == metric].pivot_table(
                    index=["seed", "target", "part"], columns="method", values="value"
                )
                if missing := [name for name in (own, *controls) if name not in wide]:
                    return not_run(f"too few images for {metric} of {', '.join(missing)}, {where}")
                for control in controls:
                    gain = self.bootstrap.difference(wide[own], wide[control])
                    gains[f"{metric} over {control}, {where}"] = gain
                    outcomes.append(above(gain, 0.0))
                if metric == "ChangeSpearman":
                    agree = self.bootstrap.mean(wide[own])
                    gains[f"{metric}, {where}"] = agree
                    outcomes.append(above(agree, self.alike))
        if not gains:
            return not_run("no image was painted without a part")
        least = min(gains.values(), key=lambda gain: gain.mean)
        details = "; ".join(f"{name}: {shown(gain, 2)}" for name, gain in gains.items())
        return judged(outcomes, least, details)


def _layers(table: pd.DataFrame) -> Iterator[tuple[str, bool, pd.DataFrame]]:
    """Yield each layer of each model: its name, whether it is the last, its rows."""
    depths = table[table["metric"] == "LayerDepth"]
    for where, group in runs(table[table["metric"].isin(WATCHED)]):
        depth = depths[of_run(depths, where)].groupby("layer")["value"].first()
        for layer in depth.sort_values().index:
            rows = group[group["layer"] == layer]
            if len(rows):
                yield f"{layer} of {where}", layer == depth.idxmax(), rows


def _steps(rows: pd.DataFrame, metric: str, method: str) -> pd.DataFrame:
    """Return a table of images × t."""
    here = rows[(rows["metric"] == metric) & (rows["method"] == method)]
    return here.pivot_table(index=["seed", "image"], columns="t", values="value")


def _sentence(
    where: str,
    logit: pd.DataFrame,
    side: pd.DataFrame,
    others: pd.DataFrame,
    first: float,
    last: float,
) -> str:
    gains = f"gain per step {logit[first].mean() / first:.1f} at t = {first:g}"
    later = f"{logit[last].mean() / last:.1f} at t = {last:g}"
    moved = f"other logits {side[first].mean() / first:.1f} per step"
    codes = f"other concepts {others[first].mean():.0%} and {others[last].mean():.0%}"
    return f"{where}: {gains}, {later}, {moved}, {codes}"
