"""Claims on the neural harmonizer (fel2022harmonization, arXiv 2211.04533)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from sparks.claims.verdict import Verdict, above, judged, not_run
from sparks.errors import SparksError
from sparks.statistics import Bootstrap, Interval
from sparks.tables.alignment import of_networks


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
        try:
            means = of_networks(table)
        except SparksError:
            return not_run("no harmonized network was measured")
        outcomes, told = [], []
        worst: Interval | None = None
        for name, rows in means.groupby("architecture"):
            aligned, accurate = (
                _seeds(rows, metric, condition)
                for metric, condition in (("Alignment", "max-abs"), ("Accuracy", "test"))
            )
            weights = [w for w in map(float, aligned.columns) if w > 0]
            if 0.0 not in aligned.columns or not weights:
                continue
            best = max(weights, key=lambda w: float(aligned[w].mean()))
            for what, wide in (("alignment", aligned), ("accuracy", accurate)):
                gain = self.bootstrap.difference(wide[best], wide[0.0])
                outcomes.append(above(gain, 0.0))
                told.append(
                    f"{name}, λ = {best:g}, {what} {100 * gain.mean:+.1f} points "
                    f"[{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
                )
                worst = gain if worst is None or gain.mean < worst.mean else worst
        if worst is None:
            return not_run("no network was trained both with and without human maps")
        sentence = f"{'; '.join(told)} ({worst.n} seeds; simulated people, unbiased test images)"
        return judged(outcomes, worst, sentence)


def _seeds(rows: pd.DataFrame, metric: str, condition: str) -> pd.DataFrame:
    """Seeds × λ."""
    chosen = rows[(rows["metric"] == metric) & (rows["condition"] == condition)]
    return chosen.pivot_table(index="seed", columns="weight", values="value")
