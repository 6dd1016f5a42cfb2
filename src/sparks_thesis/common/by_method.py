"""Means of metrics by method, as rows of tables and as marks in figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from sparks.stats import Bootstrap, Interval, coverage, shown
from sparks_thesis.common.methods import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 30  # images: with fewer, a bootstrap interval is noticeably too narrow
KEYS = ["dataset", "model", "method"]


def means(scores: pd.DataFrame, metrics: Mapping[str, bool], bootstrap: Bootstrap) -> pd.DataFrame:
    """Return the mean and interval of each metric over images, the best by the first metric first.

    Args:
        scores: tidy scores of these metrics.
        metrics: metric → whether higher is better, in the order of the columns.
        bootstrap: of the means, over images.
    """
    keys = [*KEYS, "metric"]
    rows = [
        dict(zip(keys, names, strict=True)) | asdict(mean_if_any(group["value"], bootstrap))
        for names, group in scores.groupby(keys)
    ]
    table = pd.DataFrame(rows)
    leading, higher = next(iter(metrics.items()))
    rank = table[table["metric"] == leading].set_index(KEYS)["mean"] * (-1 if higher else 1)
    table["_rank"] = [rank.get(tuple(row), 0.0) for row in table[KEYS].to_numpy()]
    table["_metric"] = table["metric"].map({metric: i for i, metric in enumerate(metrics)})
    return table.sort_values(
        ["dataset", "model", "_rank", "method", "_metric"], ignore_index=True
    ).drop(columns=["_rank", "_metric"])


def mean_if_any(values: pd.Series[float], bootstrap: Bootstrap) -> Interval:
    """Return the mean; NaN where there is no value, as of a metric that exists for no image."""
    if values.isna().all():
        return Interval(math.nan, math.nan, math.nan, 0)
    return bootstrap.mean(values)


def per_image(scores: pd.DataFrame, metric: str, method: str) -> pd.Series[float]:
    """Return a metric's values of one method, of each image the mean over networks."""
    rows = scores[(scores["metric"] == metric) & (scores["method"] == method)]
    return rows.groupby("image")["value"].mean().dropna()


def laid_out(
    numbers: pd.DataFrame, columns: Mapping[str, str], digits: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Lay means out for reading. Rows whose method starts with τ hold a correlation each.

    Args:
        numbers: what `means` returned.
        columns: metric → its heading.
        digits: metric → digits after the point, 3 by default.
    """
    places = digits or {}
    texts = []
    for names, group in numbers.groupby(KEYS, sort=False):
        cells = {
            str(row["metric"]): f"{row['mean']:+.2f}"
            if str(row["method"]).startswith("τ")
            else shown(
                Interval(row["mean"], row["low"], row["high"], int(row["n"])),
                places.get(str(row["metric"]), 3),
            )
            for row in group.to_dict("records")
        }
        headed = {heading: cells.get(metric, "–") for metric, heading in columns.items()}
        texts.append(dict(zip(KEYS, names, strict=True)) | headed)
    return pd.DataFrame(texts).sort_values(["dataset", "model"], kind="stable")


def images(scores: pd.DataFrame) -> str:
    """Return the number of images scored of each data set: "100 of chimera, 32 of digits"."""
    counts = scores.groupby("dataset")["image"].nunique()
    return ", ".join(f"{n} of {dataset}" for dataset, n in counts.items())


def caution(scores: pd.DataFrame, level: float) -> str:
    """Warn of intervals over few images, which bootstrapping makes too narrow; "" without any."""
    counts = scores.groupby("dataset")["image"].nunique()
    few = [
        f"with {n} images ({dataset}) they cover about {coverage(n, level):.0%}"
        for dataset, n in counts.items()
        if 2 < n < FEW
    ]
    if not few:
        return ""
    return f" Intervals over few images are too narrow: {', '.join(few)}."


def dots(
    axis: Axes, values: Mapping[str, Interval], chance: float | None, best: float | None
) -> None:
    """Draw a mean with its interval for each method, the first at the top.

    Args:
        axis: to draw on.
        values: label of a method → its mean.
        chance: drawn dashed; None for none.
        best: that can be reached, drawn dotted; None for none.
    """
    for place, (name, value) in enumerate(values.items()):
        axis.plot([value.low, value.high], [place, place], color=look(name)["color"], lw=1)
        axis.plot(value.mean, place, ls="", ms=5, **look(name))
    for level, dashes in ((chance, "--"), (best, ":")):
        if level is not None:
            axis.axvline(level, color="#999999", ls=dashes, lw=0.8)
    axis.set(yticks=range(len(values)), yticklabels=list(values))
    axis.invert_yaxis()
