"""The claim of "Look at the Variance!" (fel2021sobol, arXiv 2111.04138) on language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import Bootstrap, shown
from sparks_thesis.common.verdict import Verdict, above, judged, not_run, not_worse


@dataclass(frozen=True)
class CarriesOverToWords:
    """sobol-language: deleting words by Sobol is as good as by other methods.

    Attributes:
        rivals: labels of the methods that Sobol must not be worse than.
        margin: how much higher Deletion may be and still count as "not worse".
        control: label of the method that Sobol must beat.
        bootstrap: of the paired differences, over texts.
    """

    rivals: Sequence[str]
    margin: float
    control: str = "Random"
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on a table of results (`sparks.results.COLUMNS`)."""
        wanted = ["Sobol", self.control, *self.rivals]
        rows = table[(table["metric"] == "Deletion") & table["method"].isin(wanted)]
        if missing := set(wanted) - set(rows["method"]):
            return not_run(f"{', '.join(sorted(missing))} not run on words")
        outcomes, gains = [], {}
        for name, texts in rows.groupby("dataset"):
            wide = texts.pivot_table(index=["seed", "image"], columns="method", values="value")
            for rival in [*self.rivals, self.control]:
                gain = self.bootstrap.difference(wide[rival], wide["Sobol"])
                better = rival == self.control  # not only as good
                outcomes.append(above(gain, 0.0) if better else not_worse(gain, self.margin))
                gains[f"{rival} on {name}"] = gain
        of_rivals = [gain for pair, gain in gains.items() if not pair.startswith(self.control)]
        worst = min(of_rivals, key=lambda gain: gain.mean)
        listed = "; ".join(f"{pair}: {shown(gain, sign='+')}" for pair, gain in gains.items())
        measured = f"word Deletion of the other method minus that of Sobol, {listed}"
        return judged(outcomes, worst, measured, gains.values())
