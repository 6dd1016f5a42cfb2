"""Tables of the stability experiment: what jobs write.

A *pair* table has a row an image and pair of networks, with all six distances. The tidy rows made
from it hold one distance each, as metric "DistanceBothRight" (S₌) or "DistanceOneRight" (S≠).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sparks.results import COLUMNS, as_results

if TYPE_CHECKING:
    from sparks.stability.compare import Compared

WEIGHTS, LABELS = "weights randomised", "label noise"  # what is degraded
SAME = "same network"  # nothing: one network takes the place of all, explained with other seeds
EQUAL, UNEQUAL = "DistanceBothRight", "DistanceOneRight"
HELD_OUT = "HeldOutRight"  # per image: is the network that has not seen it right?
FOLD_ACCURACY = "FoldAccuracy"  # per fold: accuracy on all its images


def pair_rows(shards: Iterable[Compared]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lay shards out as tables.

    Returns:
        pairs: columns image, fold (that holds the image out), other (the network compared), right,
            right_other, the six distances, flag; one row an image and other network.
        metrics: columns image, fold, metric, value.
    """
    pairs, metrics = [], []
    for shard in shards:
        k, b = shard.right.shape
        others = [j for j in range(k) if j != shard.fold]
        image = shard.image.numpy()
        for j in others:
            columns = {name: values[:, j].numpy() for name, values in shard.distances.items()}
            right = {"right": shard.right[shard.fold], "right_other": shard.right[j]}
            named = {"image": image, "fold": [shard.fold] * b, "other": [j] * b}
            named |= {name: values.numpy() for name, values in right.items()}
            pairs.append(pd.DataFrame({**named, **columns}))
        for name, values in shard.metrics.items():
            row = {"image": image, "fold": shard.fold, "metric": name}
            metrics.append(pd.DataFrame({**row, "value": values.double().numpy()}))
    of_pairs, of_metrics = (
        pd.concat(parts or [pd.DataFrame(columns=["image", "fold", *own])], ignore_index=True)
        for parts, own in ((pairs, ["other"]), (metrics, ["metric", "value"]))
    )
    return of_pairs, of_metrics


def stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables with the same columns into one; those without rows do not decide its types."""
    return pd.concat([part for part in tables if len(part)] or tables[:1], ignore_index=True)


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables into one, in an order that does not depend on shards; some of these are empty."""
    table = stacked(tables)
    order = ["method", "degradation", "percent", "fold", "image", "other", "metric"]
    return table.sort_values([key for key in order if key in table], ignore_index=True)


def tidy(
    pairs: pd.DataFrame, metrics: pd.DataFrame, history: pd.DataFrame, distance: str
) -> pd.DataFrame:
    """Return everything as one table of results.

    Args:
        pairs: see `pair_rows`, with the names of network and method, and what was degraded.
        metrics: likewise.
        history: of the trainings on folds.
        distance: the one that counts.
    """
    rows = [
        tidy_pairs(pairs, distance),
        held_out(pairs),
        tidy_metrics(metrics),
        fold_accuracy(history),
    ]
    return pd.concat(rows, ignore_index=True)


def tidy_pairs(pairs: pd.DataFrame, distance: str) -> pd.DataFrame:
    """Make tidy rows of one distance; pairs that are both wrong are left out, as defined."""
    right = pairs["right"].astype(int) + pairs["right_other"].astype(int)
    rows = pairs[right > 0].assign(
        metric=np.where(right[right > 0] == 2, EQUAL, UNEQUAL), value=pairs[distance]
    )
    return _results(rows.rename(columns={"other": "other_fold"}))


def held_out(pairs: pd.DataFrame) -> pd.DataFrame:
    """Make tidy rows of whether the network that has not seen an image is right on it."""
    network = ["dataset", "model", "seed", "degradation", "percent"]
    rows = pairs.drop_duplicates([*network, "image"])
    return _results(rows.assign(metric=HELD_OUT, method="", value=rows["right"].astype(float)))


def tidy_metrics(metrics: pd.DataFrame) -> pd.DataFrame:
    """Make tidy rows of the metrics of the maps by networks that have not seen the image."""
    return _results(metrics)


def fold_accuracy(history: pd.DataFrame) -> pd.DataFrame:
    """Make tidy rows of the accuracy of each network on all images of its fold."""
    last = history.drop_duplicates(["dataset", "model", "seed", "percent", "fold"], keep="last")
    accuracy = last[["dataset", "model", "seed", "percent", "fold"]].assign(
        degradation=np.where(last["percent"] > 0, LABELS, ""),
        metric=FOLD_ACCURACY,
        value=last["accuracy"],
    )
    return _results(accuracy)


def _results(rows: pd.DataFrame) -> pd.DataFrame:
    """Take the columns of results; no percentage where nothing is degraded."""
    results = as_results(rows[[name for name in COLUMNS if name in rows]])
    percent = results["percent"].where(~results["degradation"].isin(["", SAME]))
    return results.assign(percent=percent)
