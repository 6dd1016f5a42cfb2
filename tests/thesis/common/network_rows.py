"""Rows of made-up results of networks, for claims and tables that compare networks."""

import numpy as np
import pandas as pd

from sparks.results import as_results

# Metric → column of its setting, the reduction where it is none of these.
COLUMN = {
    "Accuracy": "split",
    "MajorityAccuracy": "split",
    "RevealedAccuracy": "revealed",
    "NullBlockRate": "top",
}


def rows(model, metric, values, setting="", method="", *, dataset="digits", seed=0, **columns):
    """Return one row an image; a model "NAME_lambda_W" is NAME harmonized with weight W."""
    table = pd.DataFrame(
        {
            "experiment": "x", "dataset": dataset, "model": model, "method": method,
            "metric": metric,
            "image": range(len(values)), "seed": seed, "value": np.asarray(values, float),
        }
    )  # fmt: skip
    name, _, weight = model.partition("_lambda_")
    known = {"architecture": name, "harmonizer_weight": float(weight)} if weight else {}
    own = {COLUMN.get(metric, "reduction"): setting} if setting != "" else {}
    return as_results(table, **known, **own, **columns)


def evaluated(model, share, majority, n=100, split="test", **known):
    """Return rows of a network right on a share of n images, one class being so frequent."""
    return pd.concat(
        rows(model, metric, np.arange(n) < n * part, split, **known)
        for metric, part in (("Accuracy", share), ("MajorityAccuracy", majority))
    )
