"""Networks that have learnt nothing, on which no claim can be judged."""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd

from sparks.stats import Interval, proportion, shown

NETWORK = ["dataset", "model", "seed"]
RIGHT = "Accuracy"
# Accuracy of always naming the class that is most frequent among the test images.
MAJORITY = "MajorityAccuracy"


def accuracies(scores: pd.DataFrame) -> dict[tuple[Hashable, ...], tuple[Interval, float]]:
    """Return the test accuracy of networks, and that of always naming the most frequent class.

    Args:
        scores: tidy scores; the rows that `evaluate` wrote count.

    Returns:
        (data set, model, seed) → Wilson's interval and the accuracy of the most frequent class.
    """
    rows = scores[scores["metric"].isin([RIGHT, MAJORITY]) & (scores["split"] == "test")]
    rows = rows.drop_duplicates([*NETWORK, "metric", "image"])
    found = {}
    for network, group in rows.groupby(NETWORK):
        values = dict(iter(group.groupby("metric")["value"]))
        if set(values) == {RIGHT, MAJORITY}:
            found[network] = (proportion(values[RIGHT]), float(values[MAJORITY].mean()))
    return found


def learnt(right: Interval, majority: float) -> bool:
    """Return whether a network is right more often than the most frequent class, beyond chance."""
    return right.low > majority


def learnt_nothing(scores: pd.DataFrame) -> dict[tuple[Hashable, ...], str]:
    """Return the networks that are no better than always naming the most frequent class.

    Args:
        scores: as in `accuracies`. Networks without such rows are not judged.

    Returns:
        (data set, model, seed) → a sentence's part, as "net on digits (seed 0), right in 10 % ...".
    """
    return {
        (dataset, model, seed): (
            f"{model} on {dataset} (seed {seed}) has learnt nothing: right in "
            f"{shown(right, 0, 100)} % of the test images, of which the most frequent class has "
            f"{100 * majority:.0f} %"
        )
        for (dataset, model, seed), (right, majority) in accuracies(scores).items()
        if not learnt(right, majority)
    }
