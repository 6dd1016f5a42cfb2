"""Tables of the stability experiment: what jobs write.

A *pair* table has a row an image and pair of networks, with all six distances. The tidy rows made
from it hold one distance each, as metric "DistanceBothRight" (S₌) or "DistanceOneRight" (S≠).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sparks.artifacts import TIDY

if TYPE_CHECKING:
    from sparks.stability.compare import Compared

EQUAL, UNEQUAL = "DistanceBothRight", "DistanceOneRight"
HELD_OUT = "HeldOutRight"  # per image: is the network that has not seen it right?
FOLD_ACCURACY = "FoldAccuracy"  # per fold: accuracy on all its images


def condition(kind: str, percent: int) -> str:
    """Name a degradation as the papers' tables do; none at 0 %."""
    return f"{kind} {percent}%" if percent else ""


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


def tidy_pairs(pairs: pd.DataFrame, distance: str) -> pd.DataFrame:
    """Make tidy rows of one distance; pairs that are both wrong are left out, as defined."""
    right = pairs["right"].astype(int) + pairs["right_other"].astype(int)
    rows = pairs[right > 0].assign(
        metric=np.where(right[right > 0] == 2, EQUAL, UNEQUAL), value=pairs[distance]
    )
    variant = "fold " + rows["fold"].astype(str) + ", model " + rows["other"].astype(str)
    return as_tidy(rows.assign(variant=variant))


def held_out(pairs: pd.DataFrame) -> pd.DataFrame:
    """Make tidy rows of whether the network that has not seen an image is right on it."""
    rows = pairs.drop_duplicates(["dataset", "model", "seed", "condition", "image"])
    return as_tidy(
        rows.assign(
            metric=HELD_OUT,
            method="",
            value=rows["right"].astype(float),
            variant="fold " + rows["fold"].astype(str),
        )
    )


def tidy_metrics(metrics: pd.DataFrame) -> pd.DataFrame:
    """Make tidy rows of the metrics of the maps by networks that have not seen the image."""
    return as_tidy(metrics.assign(variant="fold " + metrics["fold"].astype(str)))


def fold_accuracy(history: pd.DataFrame) -> pd.DataFrame:
    """Make tidy rows of the accuracy of each network on all images of its fold (`image`)."""
    last = history.drop_duplicates(["dataset", "model", "seed", "switched", "fold"], keep="last")
    named = [condition("labels switched", int(percent)) for percent in last["switched"]]
    return as_tidy(
        last.assign(
            condition=named, method="", metric=FOLD_ACCURACY, image=last["fold"],
            value=last["accuracy"], variant="fold " + last["fold"].astype(str),
        )
    )  # fmt: skip


def as_tidy(rows: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """Keep the columns of tidy tables; those that are not there are empty."""
    rows = rows.assign(**columns)
    empty = {name: "" for name in TIDY if name not in rows}
    return rows.assign(**empty)[list(TIDY)].astype({"seed": "int64"})
