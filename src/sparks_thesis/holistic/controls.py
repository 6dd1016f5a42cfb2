"""Controls of the claims on the holistic framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sparks_thesis.common.controls import Control
from sparks_thesis.common.runs import of_run, runs


@dataclass(frozen=True)
class AtLastLayer:
    """A control on the rows of each model's last layer.

    Attributes:
        control: that gets these rows.
    """

    control: Control

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return what the control says."""
        errors = table[table["metric"] == "IdentityError"]
        parts = [
            rows[rows["layer"] == errors[of_run(errors, where)]["layer"].iloc[0]]
            for where, rows in runs(table)
            if of_run(errors, where).any()
        ]
        return self.control(pd.concat(parts) if parts else table[:0])


@dataclass(frozen=True)
class Repeatable:
    """Could two measures of concepts agree at all, given how few images each rests on?

    Both are measured on two halves of the images. The correlation of a measure with itself limits
    that with any other: to the root of the product of both reliabilities (Spearman 1904), which
    Spearman and Brown's formula takes from halves to the whole.

    Attributes:
        threshold: rank correlation that the claim calls high; the limit must exceed it.
        halvings: random ones, whose correlations are averaged.
        seed: of the halves.
    """

    threshold: float = 0.9
    halvings: int = 20
    seed: int = 0

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether the limit exceeds the threshold on every run, and what it is."""
        passed, details = True, []
        for where, rows in runs(table[table["metric"].isin(["Dominant", "Correct"])]):
            keys = ["seed", "class_name", "image"]
            wide = rows.pivot_table(index=keys, columns="metric", values="value").reset_index()
            generator = np.random.default_rng(self.seed)
            each = [self._halves(wide, generator) for _ in range(self.halvings)]
            mean = np.nanmean(np.array(each), axis=0).clip(0, 1)
            limit = float(np.sqrt(np.prod(2 * mean / (1 + mean))))
            passed &= limit > self.threshold
            details.append(
                f"{where}: agreement of halves {mean[0]:.2f} (prevalence), {mean[1]:.2f} "
                f"(reliability), so that no correlation above {limit:.2f} can be seen"
            )
        return passed and bool(details), "; ".join(details) or "no strategies were measured"

    @staticmethod
    def _halves(wide: pd.DataFrame, generator: np.random.Generator) -> Sequence[float]:
        """Return the rank correlations of prevalence and of reliability between two halves."""
        half = generator.permutation(len(wide)) % 2
        groups = wide.groupby([half, "seed", "class_name", "Dominant"])["Correct"]
        counts, right = groups.size().unstack(0, fill_value=0), groups.mean().unstack(0)
        each = (measure.corr("spearman").to_numpy()[0, 1] for measure in (counts, right))
        return [float(value) for value in each]
