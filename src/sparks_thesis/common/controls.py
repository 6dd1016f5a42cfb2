"""Controls of claims: is the assay able to tell anything at all?

A control gets the rows that a claim is judged on and returns whether it passed, with a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from sparks.stats import Bootstrap
from sparks_thesis.common.verdict import Comparison, Outcome, above, every, some


@dataclass(frozen=True)
class AtBottom:
    """Maps that do not look at the model score lowest: metric by metric, none scores below them.

    On every data set, model and metric, no method is worse than the control beyond chance (Holm
    over methods), and at least one is better.

    Attributes:
        metrics: metric → 1 where higher is better, -1 where lower is.
        methods: labels of the methods that a claim compares; those that were run count.
        control: label of the control.
        bootstrap: of the paired differences, over images.
    """

    metrics: Mapping[str, float]
    methods: Sequence[str]
    control: str = "Random"
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the control is at the bottom everywhere, and where it is not."""
        rows = table[table["metric"].isin(list(self.metrics))]
        rows = rows[rows["method"].isin([self.control, *self.methods])]
        # Under the metric's usual settings alone.
        varied = rows["forwards"].notna() | rows["attack_steps"].notna()
        rows = rows[~varied & (rows["bound"] == "") & (rows["baseline"] == "")]
        failing, compared = [], 0
        for (dataset, model, metric), group in rows.groupby(["dataset", "model", "metric"]):
            wide = group.pivot_table(index=["seed", "image"], columns="method", values="value")
            methods = [name for name in self.methods if name in wide.columns]
            if self.control not in wide.columns or not methods:
                continue
            compared += 1
            wide = wide * self.metrics[str(metric)]
            gains = {
                name: above(self.bootstrap.difference(wide[name], wide[self.control]), 0.0)
                for name in methods
            }
            where = f"{metric} of {model} on {dataset}"
            if every(list(gains.values())) is Outcome.FAILS:
                below = [name for name, gain in gains.items() if _fails(gain, len(gains))]
                failing.append(f"{', '.join(below)} below {self.control} in {where}")
            elif some(list(gains.values())) is not Outcome.HOLDS:
                failing.append(f"no method above {self.control} in {where}")
        if not compared:
            return False, f"{self.control} was not run"
        if failing:
            return False, "; ".join(failing)
        return True, f"{self.control} at the bottom in {compared} of {compared}"


def _fails(gain: Comparison, k: int) -> bool:
    return gain.among(k) is Outcome.FAILS
