"""Tidy rows of made-up distances, for figures, tables and claims."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from sparks.results import as_results
from sparks_thesis.stability.rows import EQUAL, FOLD_ACCURACY, HELD_OUT, UNEQUAL

# What is degraded, and by how many percent.
CONDITIONS = (("", None), ("weights randomised", 30), ("label noise", 30))
IMAGES, FOLDS = 12, 3
# (method, what is degraded) → mean of S₌; S≠ lies 0.1 above.
Level = Callable[[str, str], float]


def worse(method: str, condition: str) -> float:
    """Distances grow with the degradation; those of Random are large always."""
    if method == "Random":
        return 0.9
    return 0.2 if condition == "" else 0.6


def scores(
    methods: Sequence[str] = ("Saliency", "RISE"),
    conditions: Sequence[tuple[str, int | None]] = CONDITIONS,
    model: str = "convnet",
    dataset: str = "digits",
    unequal: int = 6,
    level: Level = worse,
    accuracy: Sequence[float] = (0.9, 0.91, 0.92),
) -> pd.DataFrame:
    """Rows of 12 images in 3 folds, one pair each: the first `unequal` are in S≠."""
    generator = np.random.default_rng(0)
    rows = []
    for condition, percent in conditions:
        common = {"dataset": dataset, "model": model, "seed": 0}
        common |= {"degradation": condition, "percent": percent}
        for fold, value in enumerate(accuracy):
            where = {"fold": fold, "method": ""}
            rows.append(common | where | {"metric": FOLD_ACCURACY, "value": value})
        for image in range(IMAGES):
            where = common | {"image": image, "fold": image % FOLDS}
            rows.append(where | {"metric": HELD_OUT, "method": "", "value": 1.0})
            for method in methods:
                base = level(method, condition)
                kind = UNEQUAL if image < unequal else EQUAL
                pair = where | {"method": method, "other_fold": (image + 1) % FOLDS}
                value = base + (0.1 if kind == UNEQUAL else 0) + 0.02 * generator.random()
                rows.append(pair | {"metric": kind, "value": value})
                own = 0.001 * (image // 3 - 1.5)  # images are not all alike
                value = 1 - base + (own if condition else -own)
                rows.append(where | {"method": method, "metric": "MuFidelity", "value": value})
    return as_results(pd.DataFrame(rows), experiment="stability")


def published() -> pd.DataFrame:
    """Rows of the papers' tables and curves."""
    rows = [
        {"dataset": "Fashion-MNIST", "model": "ResNet18", "method": method, "metric": metric}
        | {"degradation": kind, "percent": percent, "value": value}
        for method in ("RISE", "Saliency", "GradCAM")
        for metric in ("MeGe", "ReCo")
        for kind in ("weights randomised", "label noise")
        for percent, value in ((0, 0.9), (30, 0.4))
    ]
    return pd.DataFrame(rows)
