"""tab-importance-last: which methods give the exact contributions at the last layer."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Interval, shown
from sparks_thesis.common.averaged import Averaged
from sparks_thesis.common.table import Table

METRICS = ("IdentitySpearman", "C-Deletion", "C-Insertion", "C-MuFidelity")
HEADINGS = {
    "IdentitySpearman": "ρ with u γ ↑",
    "C-Deletion": "C-Deletion ↓",
    "C-Insertion": "C-Insertion ↑",
    "C-MuFidelity": "C-MuFidelity ↑",
}
KEYS = ["dataset", "model", "method"]


@dataclass(frozen=True)
class ImportanceLast(Averaged):
    """A row a method: distance from u_i γ_i, and the three metrics at the last layer."""

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores."""
        errors = scores[scores["metric"] == "IdentityError"]
        if errors.empty:
            raise SparksError("tab-importance-last needs importances: no class had enough images")
        last = errors.groupby(["dataset", "model"])["layer"].first().to_dict()
        rows = scores[scores["metric"].isin(METRICS)]
        at_last = [
            last.get((d, m)) == v
            for d, m, v in zip(rows["dataset"], rows["model"], rows["layer"], strict=True)
        ]
        rows = rows[at_last]
        numbers = [
            dict(zip([*KEYS, "metric"], names, strict=True))
            | asdict(self.bootstrap.mean(group["value"]))
            for names, group in rows.groupby([*KEYS, "metric"])
            if group["value"].notna().any()
        ]
        worst = errors.groupby(KEYS)["value"].max()
        for names, value in worst.items():
            found = dict(zip(KEYS, names, strict=True))  # type: ignore[call-overload]
            numbers.append(found | {"metric": "IdentityError", "mean": value, "n": len(errors)})
        frame = pd.DataFrame(numbers)
        return Table(frame, self._shown(frame, worst), self._caption(errors))

    @staticmethod
    def _shown(frame: pd.DataFrame, worst: pd.Series) -> pd.DataFrame:
        texts = []
        for names, group in frame.groupby(KEYS):
            of = {str(row["metric"]): row for row in group.to_dict("records")}
            cells = {
                HEADINGS[m]: shown(Interval(*(of[m][k] for k in ("mean", "low", "high", "n"))), 2)
                if m in of
                else "–"
                for m in METRICS
            }
            where = dict(zip(("data", "model", "method"), names, strict=True))
            error = worst.get(names)
            largest = "–" if error is None or pd.isna(error) else f"{error:.1e}"
            rank = of["C-Deletion"]["mean"] if "C-Deletion" in of else 0.0
            texts.append(where | {"largest error": largest} | cells | {"_rank": rank})
        ordered = pd.DataFrame(texts).sort_values(["data", "model", "_rank", "method"])
        return ordered.drop(columns="_rank").reset_index(drop=True)

    def _caption(self, errors: pd.DataFrame) -> str:
        return (
            "Importance of concepts at the last layer, where the logit is affine in the "
            "coefficients u: GradientInput, IntegratedGradients and Occlusion (and Shapley "
            "values) are the contributions u γ, RISE gives the same order up to sampling error, "
            "Saliency, SmoothGrad and TCAV depend on γ only, and Sobol and HSIC ignore the sign. "
            "Largest error: max over images and concepts of |importance − u γ| over the largest "
            "contribution of the image (a different scale, not an error, for methods that do not "
            "claim to be u γ). ρ: rank correlation. Metrics: area under the logit while concepts "
            "are set to zero or added, and correlation of summed importance and drop of the "
            f"logit, mean over {errors['image'].nunique()} images with its "
            f"{self.bootstrap.level:.0%} interval, best C-Deletion first. “optimum at the last "
            "layer” orders by u γ; “best order” has the areas of the best of all orders, found by "
            "dynamic programming over all subsets of concepts. “All subsets”: the method without "
            "sampling error. The paper's numbers are unavailable."
        )
