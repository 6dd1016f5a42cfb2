"""Claims of "Look at the Variance!" (fel2021sobol, arXiv 2111.04138)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sparks.stats import Bootstrap, Interval
from sparks_thesis.common.verdict import Outcome, Verdict, above, judged, not_run, not_worse, some

# Deletion is better when lower; the others when higher.
SIGN = {"Deletion": -1.0, "Insertion": 1.0, "MuFidelity": 1.0}


@dataclass(frozen=True)
class _Gain:
    """Sobol minus another method on one model and metric, oriented so that higher is better."""

    where: str
    metric: str
    rival: str
    gain: Interval


def _judged(table: pd.DataFrame, images: int) -> pd.DataFrame:
    """Choose the data sets of which at least `images` images were explained; all, if none has."""
    explained = table[table["method"] != ""].groupby("dataset")["image"].nunique()
    enough = explained.index[explained >= images]
    return table[table["dataset"].isin(enough)] if len(enough) else table


def _paired(table: pd.DataFrame, methods: Sequence[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield (where, metric, images × methods) for every model and metric that has them all."""
    chosen = table[table["metric"].isin(list(SIGN)) & table["method"].isin(list(methods))]
    chosen = chosen[chosen["forwards"].isna()]
    for (dataset, model, metric), rows in chosen.groupby(["dataset", "model", "metric"]):
        wide = rows.pivot_table(index=["seed", "image"], columns="method", values="value")
        if set(methods) <= set(wide.columns):
            yield f"{model} on {dataset}", str(metric), wide * SIGN[str(metric)]


def _sentence(comparison: _Gain) -> str:
    gain = comparison.gain
    return (
        f"{comparison.metric} of {comparison.where} against {comparison.rival}: "
        f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    )


def _worst(
    comparisons: Sequence[_Gain],
    margins: Mapping[str, float],
    prefix: str,
    also: Sequence[Outcome] = (),
) -> Verdict:
    """Judge "not worse by more than the margin" everywhere; the worst case is the effect.

    `also` are outcomes of the other things that must hold.
    """
    outcomes = [not_worse(c.gain, margins[c.metric]) for c in comparisons]
    worst = min(comparisons, key=lambda c: c.gain.mean + margins[c.metric])
    failing = [
        c for c, o in zip(comparisons, outcomes, strict=True) if o.outcome is not Outcome.HOLDS
    ]
    text = "; ".join(_sentence(c) for c in failing or [worst])
    label = "not shown for" if failing else "worst case"
    return judged(
        [*outcomes, *also],
        worst.gain,
        f"{prefix}; {len(comparisons) - len(failing)} of {len(comparisons)} comparisons hold; "
        f"{label} {text}",
        [c.gain for c in comparisons],
    )


@dataclass(frozen=True)
class BeatsRise:
    """sobol-beats-rise-budget: Sobol is as faithful as RISE with far fewer forward passes.

    Attributes:
        margins: metric → how much worse still counts as "not worse".
        ratio: the largest share of RISE's forward passes that counts as "about half".
        images: a data set with fewer explained images is not judged where another has as many.
        bootstrap: of the paired differences, over images.
    """

    margins: Mapping[str, float]
    ratio: float = 0.6
    images: int = 2
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on a table of results (`sparks.results.COLUMNS`)."""
        table = _judged(table, self.images)
        costs = table[(table["metric"] == "Forwards") & table["forwards"].isna()]
        forwards = costs.groupby("method")["value"].mean()
        if not {"Sobol", "RISE"} <= set(forwards.index):
            return not_run("Sobol and RISE were not both run")
        ratio = forwards["Sobol"] / forwards["RISE"]
        spent = f"{forwards['Sobol']:.0f} against {forwards['RISE']:.0f} forward passes"
        if ratio > self.ratio:
            return not_run(f"Sobol had {spent}, not about half")
        comparisons = [
            _Gain(where, metric, "RISE", self.bootstrap.difference(w["Sobol"], w["RISE"]))
            for where, metric, w in _paired(table, ["Sobol", "RISE"])
        ]
        return _worst(comparisons, self.margins, f"Sobol minus RISE with {spent}")


@dataclass(frozen=True)
class AtLeastBlackBox:
    """sobol-at-least-blackbox: Sobol matches or beats black-box, and some white-box, methods.

    It is compared with every rival, not with the one that is best on these images: of several equal
    rivals, the best owes its lead to chance.

    Attributes:
        margins: metric → how much worse than a rival still counts as tied.
        black_box: labels of the black-box rivals; those that were run are compared.
        white_box: labels of the white-box methods.
        images: a data set with fewer explained images is not judged where another has as many.
        bootstrap: of the paired differences, over images.
    """

    margins: Mapping[str, float]
    black_box: Sequence[str]
    white_box: Sequence[str]
    images: int = 2
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on a table of results (`sparks.results.COLUMNS`)."""
        table = _judged(table, self.images)
        present = set(table[table["forwards"].isna()]["method"])
        rivals = [name for name in self.black_box if name in present]
        whites = [name for name in self.white_box if name in present]
        if "Sobol" not in present or not rivals or not whites:
            return not_run("Sobol, a black-box rival and a white-box method were not all run")
        comparisons, beaten = [], []
        for where, metric, wide in _paired(table, ["Sobol", *rivals, *whites]):
            for rival in rivals:
                gain = self.bootstrap.difference(wide["Sobol"], wide[rival])
                comparisons.append(_Gain(where, metric, rival, gain))
            gains = [self.bootstrap.difference(wide["Sobol"], wide[white]) for white in whites]
            beaten.append(some([above(gain, 0.0) for gain in gains]))
        if not comparisons:
            return not_run("no model has all the methods")
        above_one = sum(outcome is Outcome.HOLDS for outcome in beaten)
        text = f"Sobol minus {', '.join(rivals)}; above a white-box method in "
        text += f"{above_one} of {len(beaten)} comparisons"
        return _worst(comparisons, self.margins, text, beaten)


@dataclass(frozen=True)
class TotalAtLeastFirst:
    """sobol-total-geq-first: total-order indices hold the interactions, so ST ≥ S.

    Attributes:
        bootstrap: of the mean difference, over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on the indices of every image and cell, from one design each.

        Rows of `table` with metric `FirstOrder` and `TotalOrder`, one a cell.
        """
        rows = table[table["metric"].isin(["FirstOrder", "TotalOrder"])]
        if rows.empty:
            return not_run("no first- and total-order indices were stored")
        keys = ["dataset", "model", "seed", "image", "cell"]
        wide = rows.pivot_table(index=keys, columns="metric", values="value", dropna=False)
        gap = wide["TotalOrder"] - wide["FirstOrder"]
        by_model = {
            f"{model} on {dataset}": self.bootstrap.mean(cells.groupby("image").mean())
            for (dataset, model), cells in gap.groupby(["dataset", "model"])
        }
        smallest = min(by_model.values(), key=lambda interval: interval.mean)
        below = float(np.mean(gap.dropna() < 0))
        each = "; ".join(
            f"{w}: {i.mean:.3f} [{i.low:.3f}, {i.high:.3f}]" for w, i in by_model.items()
        )
        return judged(
            [above(interval, 0.0) for interval in by_model.values()],
            smallest,
            f"mean ST − S over cells, {each}; estimated ST < S in {below:.1%} of the cells",
            by_model.values(),
        )
