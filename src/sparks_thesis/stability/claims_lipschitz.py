"""Claims of fel2022mege (WACV 2022) on 1-Lipschitz networks, and on the distances of maps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sparks.stats import Bootstrap, Estimate, Interval, spearman
from sparks_thesis.common.verdict import Outcome, Verdict, above, judged, not_run
from sparks_thesis.stability.claims import METRICS, SEVEN, judge, lead
from sparks_thesis.stability.figure_distances import KINDS, NAMES, curves, falls
from sparks_thesis.stability.scored import Scored


@dataclass(frozen=True)
class LipschitzHigher:
    """mege-lipschitz-higher: a 1-Lipschitz network scores higher than a plain one.

    Attributes:
        lipschitz: name of the 1-Lipschitz network.
        plain: name of the network it is compared with.
        enough: for how many of the seven methods each score must be higher.
        bootstrap: over images within folds.
    """

    lipschitz: str
    plain: str
    enough: int = 6
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on tidy rows of the distances."""
        scored = Scored(table, self.bootstrap)
        datasets = [d for d, m in scored.images if m == self.lipschitz]
        datasets = [d for d in datasets if (d, self.plain) in scored.images]
        if not datasets:
            return not_run(f"{self.lipschitz} and {self.plain} were not both trained on folds")
        counts, details = [], []
        for dataset in datasets:
            for metric in METRICS:
                gains = [
                    scored.estimate(dataset, self.lipschitz, "", method, metric)
                    - scored.estimate(dataset, self.plain, "", method, metric)
                    for method in SEVEN
                ]
                # A gain that does not exist is neither higher nor lower: no count, then.
                every = np.array([[gain.value, *gain.draws] for gain in gains])
                higher = np.where(np.isnan(every).any(0), np.nan, (every > 0).sum(0))
                count = Estimate(float(higher[0]), higher[1:], gains[0].n, gains[0].level, True)
                counts.append(count.interval())
                number = "n/a" if np.isnan(higher[0]) else f"{higher[0]:.0f}"
                details.append(f"{metric} on {dataset}: higher for {number} of {len(SEVEN)}")
        least = min(counts, key=lambda interval: interval.mean)
        # Whole methods are counted: "at least 6" is "above 5.5".
        outcomes = [above(interval, self.enough - 0.5) for interval in counts]
        return judged(outcomes, least, "; ".join(details), counts)


@dataclass(frozen=True)
class SmoothGradBest:
    """reco-lipschitz-smoothgrad-best: ReCo of SmoothGrad > RISE > Saliency > the other methods.

    Attributes:
        lipschitz: name of the 1-Lipschitz network.
        bootstrap: over images within folds.
    """

    lipschitz: str
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on tidy rows of the distances."""
        scored = Scored(table, self.bootstrap)
        found = {}
        for dataset in [d for d, m in scored.images if m == self.lipschitz]:
            values = {
                method: scored.estimate(dataset, self.lipschitz, "", method, "ReCo")
                for method in SEVEN
            }
            found[f"SmoothGrad − RISE on {dataset}"] = values["SmoothGrad"] - values["RISE"]
            found[f"RISE − Saliency on {dataset}"] = values["RISE"] - values["Saliency"]
            rest = {m: e for m, e in values.items() if m not in ("SmoothGrad", "RISE")}
            found[f"Saliency − the rest on {dataset}"] = lead(rest, ["Saliency"])
        if not found:
            return not_run(f"{self.lipschitz} was not trained on folds")
        return judge(found, "difference of ReCo")


@dataclass(frozen=True)
class DistancesMonotone:
    """mege-distances-monotone: six distances grow monotonically with a shift and with noise.

    Attributes:
        correlation: rank correlation with the amount that a curve must exceed.
    """

    correlation: float = 0.9

    def __call__(self, table: pd.DataFrame) -> Verdict:
        """Judge the claim on rows with metric "MapDistance"; only the noise in them is sampled."""
        import torch

        rows = curves(table)
        if rows.empty:
            return not_run("the distances were not measured")
        outcomes, effects, failing = [], [], []
        for (kind, name), curve in rows.groupby(["change", "method"], sort=False):
            amount, mean = (torch.tensor(curve[[c]].to_numpy().T) for c in ("amount", "mean"))
            rho = float(spearman(amount, mean))
            grows = not falls(curve)
            holds = grows and rho > self.correlation
            outcome = Outcome.HOLDS if holds else Outcome.FAILS
            outcomes.append(Outcome.INCONCLUSIVE if np.isnan(rho) else outcome)
            effects.append(rho)
            if not holds:
                details = "grows" if grows else "falls somewhere"
                failing.append(
                    f"{NAMES[str(name)]} against {KINDS[str(kind)]}: ρ {rho:.2f}, {details}"
                )
        lowest = Interval(float(np.min(effects)), np.nan, np.nan, len(effects))
        text = f"{len(effects) - len(failing)} of {len(effects)} curves grow monotonically"
        text += " (the effect is the lowest rank correlation; a moved spot is no sample)"
        text += f"; not {'; '.join(failing)}" if failing else ""
        return judged(outcomes, lowest, text)
