"""Controls of the claims on EVA: bounds, counts and subsets that are known to be wrong or right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import Bootstrap, shown
from sparks_thesis.common.runs import RUN
from sparks_thesis.common.verdict import Outcome, Verdict, above, every
from sparks_thesis.eva.claims import found_overlap, of_balls

LOOSER = ("IBP", "Forward", "Backward")
ALL = "IBP+Forward+Backward"  # their intersection: by construction as tight as each


@dataclass(frozen=True)
class TooTight:
    """Attacks find what a bound that is too tight on purpose excludes.

    The bound of each ball is that of the next smaller ball around the same image. Attacks that
    find no violation of it could not have found one of a faulty bound either.
    """

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether most balls have a point above the bound of the smaller ball."""
        balls = of_balls(table).sort_values("epsilon")
        if balls.empty:
            return False, "no network was verified from its input"
        images = balls.groupby(["dataset", "model", "seed", "image"])
        smaller = images["CertifiedOverlap"].shift()
        larger = smaller.notna()
        if not larger.any():
            return False, "one radius alone was tried, so no bound is known to be too tight"
        caught = (found_overlap(balls) > smaller)[larger]
        text = "the bound of the next smaller ball, too tight on purpose, is caught in "
        text += f"{int(caught.sum())} of {len(caught)} balls"
        return bool(caught.mean() > 0.5), text


@dataclass(frozen=True)
class KnownOrder:
    """The intersection of all bounds is the tightest: by construction it is no looser than any."""

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether it is on every image."""
        rows = table[(table["bound"] != "") & (table["metric"] == "Tightness")]
        wide = rows.pivot_table(
            index=["dataset", "model", "seed", "image"], columns="bound", values="value"
        )
        if not {ALL, *LOOSER} <= set(wide.columns):
            return False, "bounds were not compared"
        slack = 1e-4 * wide[list(LOOSER)].abs().max(axis=1)  # float32
        right = wide[ALL] <= wide[list(LOOSER)].min(axis=1) + slack
        return bool(right.all()), f"{ALL} is tightest on {int(right.sum())} of {len(right)} images"


@dataclass(frozen=True)
class KnownCounts:
    """The counter of operations counts passes through the network.

    Methods of one pass each way cost the same; methods of as many samples as steps cost the same,
    and a whole multiple of the first.

    Attributes:
        single: methods of one pass.
        repeated: methods of several passes, as many each.
        tolerance: largest relative error.
    """

    single: Sequence[str]
    repeated: Sequence[str]
    tolerance: float = 0.01

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether all counts on all networks are right."""
        rows = table[table["metric"] == "Flops"]
        wide = rows.pivot_table(index=RUN, columns="method", values="value")
        missing = sorted({*self.single, *self.repeated} - set(wide.columns))
        if missing:
            return False, f"{', '.join(missing)} had no operations counted"
        one, several = wide[list(self.single)], wide[list(self.repeated)]
        passes = (several.mean(axis=1) / one.mean(axis=1)).round()
        parts = [one.div(one.mean(axis=1), axis=0), several.div(passes * one.mean(axis=1), axis=0)]
        off = float(pd.concat(parts, axis=1).sub(1).abs().to_numpy(dtype=float).max())
        text = f"{' and '.join(self.repeated)} count as {', '.join(f'{k:.0f}' for k in passes)} "
        text += f"times {' and '.join(self.single)}, off by {off:.1%} at most"
        return bool(off <= self.tolerance and (passes > 1).all()), text


@dataclass(frozen=True)
class Arbitrary:
    """An arbitrary subset, the first inputs, is not the best one.

    Attributes:
        check: the claim's own.
    """

    check: Callable[[pd.DataFrame], Verdict]

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the check does not hold of "ArbitraryOverlap"."""
        rows = table[table["metric"].isin(["ArbitraryOverlap", "BestOverlap"])]
        if not (rows["metric"] == "ArbitraryOverlap").any():
            return False, "no arbitrary subset was tried"
        verdict = self.check(rows.replace({"metric": {"ArbitraryOverlap": "SubsetOverlap"}}))
        text = f"the first inputs in place of EVA's: {verdict.measured.partition(';')[0]}"
        return verdict.outcome is not Outcome.HOLDS, text


@dataclass(frozen=True)
class OwnMap:
    """Ink where the image's own map says leads to the class more than where another's says.

    Attributes:
        bootstrap: of the paired differences, over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether it does, for adding and for removing."""
        rows = table[table["metric"].str.startswith("Gain")]
        keys = ["dataset", "model", "seed", "image"]
        wide = rows.pivot_table(index=keys, columns="metric", values="value")
        if not {"GainAddOther", "GainRemoveOther"} <= set(wide.columns):
            return False, "maps of other images were not tried"
        gains = {
            side.lower(): self.bootstrap.difference(wide[f"Gain{side}"], wide[f"Gain{side}Other"])
            for side in ("Add", "Remove")
        }
        passed = every([above(gain, 0.0) for gain in gains.values()]) is Outcome.HOLDS
        listed = "; ".join(f"{side} {shown(gain, 2, sign='+')}" for side, gain in gains.items())
        return passed, f"change of the margin above that by the map of another image: {listed}"
