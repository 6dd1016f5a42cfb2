"""Controls of the claims on alignment: marks of other images, and images with nothing revealed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import Bootstrap, shown
from sparks_thesis.common.runs import runs
from sparks_thesis.common.verdict import Comparison, Outcome, above, every, some

OTHER = "SpearmanOtherMarks"  # alignment with the marks that people made on the next image


@dataclass(frozen=True)
class OwnMarks:
    """Maps are more like people's marks on the same image than like those on another one.

    Where maps and marks both prefer the middle of images, they agree whatever the network looks at.

    Attributes:
        reduction: how a gradient's channels became a map.
        bootstrap: of the paired differences, over images.
    """

    reduction: str = "max-abs"
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether this is so of one network at least, and the opposite of none."""
        rows = table[table["metric"].isin(["Spearman", OTHER])]
        rows = rows[rows["reduction"] == self.reduction]
        gains: dict[str, Comparison] = {}
        for where, group in runs(rows):
            # One image is one unit, whatever the number of networks that were trained alike.
            wide = group.pivot_table(index="image", columns="metric", values="value")
            if OTHER in wide and "Spearman" in wide:
                gain = self.bootstrap.difference(wide["Spearman"], wide[OTHER])
                gains[where] = above(gain, 0.0)
        if not gains:
            return False, "alignment with the marks of other images was not measured"
        parts = list(gains.values())
        passed = some(parts) is Outcome.HOLDS and every(parts) is not Outcome.FAILS
        listed = "; ".join(f"{w} {shown(g.interval, 3, sign='+')}" for w, g in gains.items())
        return passed, f"rank correlation with people's marks above that with another's: {listed}"


@dataclass(frozen=True)
class OwnMarksOfKinds:
    """The same of the networks of a population, whose mean over images is known alone.

    Attributes:
        bootstrap: of the paired difference, over kinds.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the mean alignment of kinds exceeds that with the marks of others."""
        rows = table[table["metric"].isin(["Alignment", "AlignmentOtherMarks"])]
        wide = rows.pivot_table(index="architecture", columns="metric", values="value")
        if "AlignmentOtherMarks" not in wide:
            return False, "alignment with the marks of other images was not measured"
        gain = self.bootstrap.difference(wide["Alignment"], wide["AlignmentOtherMarks"])
        passed = above(gain, 0.0).outcome is Outcome.HOLDS
        text = f"alignment above that with another's marks {shown(gain, 3, sign='+')}, over "
        return passed, text + f"{gain.n} kinds of networks"


@dataclass(frozen=True)
class Revealed:
    """With the whole image networks are right more often than with nothing of it.

    Attributes:
        bootstrap: of the paired difference, over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether all networks are."""
        rows = table[table["metric"] == "RevealedAccuracy"]
        passed, details = True, []
        for where, group in runs(rows):
            wide = group.pivot_table(index="image", columns="revealed", values="value")
            if not {0.0, 1.0} <= set(wide.columns):
                continue
            gain = self.bootstrap.difference(wide[1.0], wide[0.0])
            passed &= above(gain, 0.0).outcome is Outcome.HOLDS
            details.append(f"{where} {shown(gain, 2, sign='+')}")
        text = f"accuracy with everything revealed above that with nothing: {'; '.join(details)}"
        return passed and bool(details), text if details else "nothing was revealed"
