"""Rows of made-up results, for figures, tables, claims and their controls."""

import numpy as np
import pandas as pd

from sparks.results import as_results

KNOWN = {"dataset": "d", "model": "m", "seed": 0}
GENERATOR = np.random.default_rng(0)


def rows(metric, method, values, unit="image", **columns):
    """Return one row a unit, such as an image, for each value."""
    known = {**KNOWN, "metric": metric, "method": method}
    return as_results(pd.DataFrame({**known, unit: range(len(values)), "value": values}), **columns)


def noisy(metric, method, centre, noise=0.01, n=60, unit="image", **columns):
    """Return one row a unit, with values around a centre; every call draws others."""
    return rows(metric, method, centre + noise * GENERATOR.normal(size=n), unit, **columns)


def scores(values):
    """Return rows of images from {(method, metric): values}."""
    tables = [rows(metric, method, column) for (method, metric), column in values.items()]
    return pd.concat(tables, ignore_index=True).assign(experiment="e")


def row(metric, value, method="", **columns):
    """Return one row, for `results`."""
    named = {"experiment": "e", "metric": metric, "method": method}
    return {**KNOWN, **named, "value": value, **columns}


def results(listed):
    """Return a table of results from a list of `row`."""
    return as_results(pd.DataFrame(listed))


# The first layer comes last in the alphabet.
DEPTHS = [row("LayerDepth", i, layer=v) for i, v in enumerate(("z_first", "a_last"))]


def around(centre, seed=0, n=60, spread=0.01):
    """Return values around a centre."""
    return centre + spread * np.random.default_rng(seed).normal(size=n)


def values(rows, metric, **known):
    """Return the values of a metric in rows with these contents; there must be some."""
    rows = rows[rows["metric"] == metric]
    for column, content in known.items():
        rows = rows[rows[column] == content]
    assert len(rows), (metric, known)
    return rows["value"].to_numpy()


def without_numbers(claim):
    """Return how a claim is judged by a table that has none of its metrics."""
    return claim(noisy("Accuracy", "", 1.0)).outcome
