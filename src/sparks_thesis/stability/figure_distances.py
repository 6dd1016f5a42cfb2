"""fig-stability-distances: six distances of maps against a shift and against noise."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sparks.errors import SparksError
from sparks_thesis.common.style import PAGE, Drawing, style

NAMES = {
    "wasserstein": "1-Wasserstein",
    "spearman": "1 − |Spearman|",
    "dice": "Dice",
    "ssim": "SSIM",
    "l1": "ℓ1",
    "l2": "ℓ2",
}
KINDS = {"shift": "shift in pixels", "noise": "noise σ"}


@dataclass(frozen=True)
class MapDistances:
    """A row a change, a column a distance; mean and spread over the repeats of the noise."""

    def __call__(self, scores: pd.DataFrame) -> Drawing:
        """Draw the figure from rows with metric "MapDistance"."""
        rows = curves(scores)
        if rows.empty:
            raise SparksError("no distance was measured: give the experiment the study")
        with style():
            from matplotlib.figure import Figure

            figure = Figure(figsize=(PAGE, 2.7), layout="constrained")
            axes = figure.subplots(2, len(NAMES), squeeze=False)
            for line, (kind, label) in zip(axes, KINDS.items(), strict=True):
                for axis, (name, title) in zip(line, NAMES.items(), strict=True):
                    here = rows[(rows["change"] == kind) & (rows["method"] == name)]
                    axis.plot(here["amount"], here["mean"], color="#0072B2", lw=1.2)
                    low, high = here["mean"] - here["std"], here["mean"] + here["std"]
                    axis.fill_between(here["amount"], low, high, color="#0072B2", alpha=0.2, lw=0)
                    axis.set_xlabel(label)
                    if kind == "shift":
                        axis.set_title(title)
                    axis.set_ylim(bottom=0)
        falling = [
            f"{NAMES[str(name)]} under {kind}"
            for (kind, name), curve in rows.groupby(["change", "method"], sort=False)
            if falls(curve)
        ]
        details = (
            f"Not monotone here: {', '.join(falling)}." if falling else "All grow monotonically."
        )
        caption = (
            "Six distances between maps of 32 × 32. Above: a spot moves to the right in 100 steps "
            "and is compared with where it started. Below: a spot in the middle is compared with "
            "itself under Gaussian noise, mean and standard deviation of 50 repeats. "
            f"{details} 1 − |Spearman| takes the size of the correlation, and spots that lie apart "
            "are correlated negatively; SSIM sees a spot near the edge in fewer windows. The paper "
            "(its figures 6 and 7) reports that all six grow with both; the size of its moving "
            "point is not known."
        )
        return Drawing(figure, caption)


# Falls, as a share of the curve's range, that are the sampling of a moving spot on pixels.
TOLERANCE = 0.02


def falls(curve: pd.DataFrame) -> bool:
    """Return whether a mean curve falls below its earlier maximum by more than the tolerance."""
    mean = curve["mean"]
    return bool((mean.cummax() - mean).max() > TOLERANCE * (mean.max() - mean.min()))


def curves(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the repeats: columns change, method, amount, mean, std, in order of the amount."""
    rows = scores[scores["metric"] == "MapDistance"].drop_duplicates(
        ["change", "amount", "method", "seed", "repeat"]
    )
    means = rows.groupby(["change", "method", "amount"])["value"].agg(["mean", "std"])
    return means.fillna({"std": 0.0}).reset_index()
