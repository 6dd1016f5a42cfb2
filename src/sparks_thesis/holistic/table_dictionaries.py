"""tab-dictionaries: how well, how sparsely and how stably each dictionary explains activations."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.table import Table

# metric → heading, digits
METRICS = {
    "RelativeL2": ("relative ℓ2 ↓", 3),
    "R2": ("R² ↑", 3),
    "Sparsity": ("zeros ↑", 2),
    "CodeHoyer": ("Hoyer ↑", 2),
    "Active": ("active concepts", 1),
    "Dead": ("dead ↓", 2),
    "Stability": ("stability ↑", 2),
    "StabilityChance": ("stability by chance", 2),
    "StabilityAboveChance": ("above chance ↑", 2),
    "RelativeFrechet": ("Fréchet ↓", 3),
    "Wasserstein": ("sliced W1 ↓", 3),
    "OOD": ("OOD ↓", 2),
    "Iterations": ("iterations", 0),
    "Converged": ("converged", 2),
}
KEYS = ["dataset", "model", "method"]


@dataclass(frozen=True)
class Dictionaries:
    """A row a dictionary, a column a metric; the best reconstruction first.

    Attributes:
        bootstrap: of the means, over classes.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores."""
        rows = scores[scores["metric"].isin(list(METRICS)) & (scores["analysis"] == "last")]
        if rows.empty:
            raise SparksError("tab-dictionaries needs dictionaries: no class had enough images")
        rows = rows.dropna(subset="value")  # scores that do not exist
        numbers = pd.DataFrame(
            dict(zip([*KEYS, "concepts", "metric"], names, strict=True))
            | asdict(self.bootstrap.mean(group["value"]))
            for names, group in rows.groupby([*KEYS, "concepts", "metric"])
        )
        texts = []
        for names, group in numbers.groupby(KEYS):
            of = {str(row["metric"]): row for row in group.to_dict("records")}
            cells = {
                heading: shown(Interval(*(of[m][k] for k in ("mean", "low", "high", "n"))), digits)
                if m in of
                else "–"
                for m, (heading, digits) in METRICS.items()
            }
            where = dict(zip(("data", "model", "dictionary"), names, strict=True))
            rank = of["RelativeL2"]["mean"] if "RelativeL2" in of else math.inf
            texts.append(where | cells | {"_rank": rank})
        ordered = pd.DataFrame(texts).sort_values(["data", "model", "_rank"], kind="stable")
        size = rows["concepts"].iloc[0]
        caption = (
            f"Dictionaries of {size} concepts on the activations of crops of one class at the last "
            "layer, judged on images they were not fitted on (three folds), mean over "
            f"{rows['target'].nunique()} classes with its {self.bootstrap.level:.0%} bootstrap "
            "interval. Relative ℓ2: ‖a − â‖ / ‖a‖. R²: share of the variance explained. Zeros: "
            "share of zero coefficients. Dead: share of concepts that no held-out activation uses. "
            "Best possible: the subspace of the held-out activations themselves. Stability: mean "
            "|cosine| of atoms matched one to one between folds, each fitted from a seed of its "
            "own; by chance: that of random dictionaries of the same kind, the numbers of each "
            "atom shuffled over the channels; "
            "above chance: (stability − chance) / (1 − chance). Fréchet distance of Gaussians over "
            "the trace of the covariance, and sliced Wasserstein-1 distance, of â from a. OOD: "
            "distance of â to its fifth neighbour among the activations fitted on, over that of a "
            "(1 is in distribution). Converged: share of fits that met their method's own rule "
            "before its bound on iterations (epochs, of autoencoders). Neurons, Exemplars and "
            "Random directions learn nothing: the channels of largest variance, activations drawn "
            "at random, and random non-negative directions. A dash: "
            "the score does not exist. The paper's own numbers and exact definitions are "
            "unavailable."
        )
        return Table(numbers, ordered.drop(columns="_rank").reset_index(drop=True), caption)
