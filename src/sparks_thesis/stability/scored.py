"""MeGe, ReCo and metrics of maps of every method under every condition, from tidy rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sparks.stability.scores import METRICS, Pairs, by_chance, estimate
from sparks.stats import Bootstrap, Estimate, Floats, Interval
from sparks_thesis.common.by_method import mean_if_any
from sparks_thesis.common.labels import condition, degraded
from sparks_thesis.common.methods import in_order
from sparks_thesis.stability.rows import EQUAL, HELD_OUT, LABELS, SAME, UNEQUAL, WEIGHTS

KINDS = (WEIGHTS, LABELS)  # of degradation, as in the published tables
KEYS = ["dataset", "model", "condition", "method"]


@dataclass(frozen=True)
class Scored:
    """MeGe and ReCo of every method under every condition, from an experiment's tidy rows.

    A condition is a degradation in words ("label noise 5%"), "" for none.

    Attributes:
        table: tidy rows, several experiments and seeds allowed; seeds count as further images.
        bootstrap: over images within folds; the same resamples for all that one model explains, so
            that differences are paired.
    """

    table: pd.DataFrame
    bootstrap: Bootstrap

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The distances."""
        return self._labelled[self._labelled["metric"].isin([EQUAL, UNEQUAL])]

    @cached_property
    def _labelled(self) -> pd.DataFrame:
        return self.table.assign(condition=condition(self.table))

    @cached_property
    def images(self) -> Mapping[tuple[str, str], pd.DataFrame]:
        """(data set, model) → its images, with columns seed, image and fold, each once."""
        rows = self.table[self.table["metric"] == HELD_OUT]
        rows = rows.drop_duplicates(["dataset", "model", "seed", "image"])
        rows = rows.sort_values(["seed", "fold", "image"])
        grouped = rows[["dataset", "model", "seed", "image", "fold"]].groupby(["dataset", "model"])
        return {(str(d), str(m)): images for (d, m), images in grouped}

    @cached_property
    def pairs(self) -> Mapping[tuple[str, str, str, str], Pairs]:
        """(data set, model, condition, method) → its distances."""
        found = {}
        for (dataset, model), rows in self.rows.groupby(KEYS[:2], sort=False):
            distance = rows["value"].to_numpy(dtype=float)
            equal = rows["metric"].to_numpy() == EQUAL
            unit = self._units(str(dataset), str(model), rows)
            each: dict[Any, Any] = rows.groupby(KEYS[2:], sort=False).indices
            for (where, method), at in each.items():
                key = (str(dataset), str(model), str(where), str(method))
                found[key] = Pairs(distance[at], equal[at], unit[at])
        return found

    @cached_property
    def _weights(self) -> dict[tuple[str, str], Floats]:
        return {
            key: self.bootstrap.counts((1000 * i["seed"] + i["fold"]).to_numpy(np.int64))
            for key, i in self.images.items()
        }

    def estimate(
        self, dataset: str, model: str, condition: str, method: str, metric: str
    ) -> Estimate:
        """Score one method under one condition: MeGe, ReCo, or the mean of a metric of its maps.

        NaN where the score does not exist. All of one model are drawn from the same resamples.
        """
        key = (dataset, model, condition, method)
        if (*key, metric) not in self._known:
            weights = self._weights[(dataset, model)]
            if metric in METRICS:
                pairs = self.pairs.get(key, Pairs.none())
                self._known[(*key, metric)] = estimate(pairs, metric, weights, self.bootstrap.level)
            else:
                self._known[(*key, metric)] = self._mean(key, metric, weights)
        return self._known[(*key, metric)]

    def _mean(self, key: tuple[str, str, str, str], metric: str, weights: Floats) -> Estimate:
        """Average a metric of single maps, NaN left out."""
        rows = self._by_metric.get(metric, self._labelled.iloc[:0])
        rows = rows[(rows[KEYS] == list(key)).all(axis=1)].dropna(subset="value")
        if rows.empty:
            return Estimate(np.nan, np.full(len(weights) - 1, np.nan), 0, self.bootstrap.level)
        drawn = weights[:, self._units(key[0], key[1], rows)]
        means = drawn @ rows["value"].to_numpy(dtype=float) / drawn.sum(1)
        return Estimate(float(means[0]), means[1:], len(rows), self.bootstrap.level)

    def _units(self, dataset: str, model: str, rows: pd.DataFrame) -> NDArray[np.int64]:
        """Return the image of each row, as an index into the weights."""
        place = self.images[(dataset, model)].set_index(["seed", "image"])
        unit = place.assign(unit=range(len(place)))["unit"]
        return unit.reindex(pd.MultiIndex.from_frame(rows[["seed", "image"]])).to_numpy(np.int64)

    def accuracy(self, dataset: str, model: str, condition: str) -> Interval:
        """Return the share of images on which the network that has not seen them is right.

        NaN where the network was not degraded so.
        """
        rows = self._labelled[self._labelled["metric"] == HELD_OUT]
        here = (rows[KEYS[:3]] == [dataset, model, condition]).all(axis=1)
        return mean_if_any(rows[here]["value"], self.bootstrap)

    def by_chance(self, dataset: str, model: str, method: str, metric: str) -> float:
        """Return the mean score of undegraded networks if being right had no part in distances."""
        return float(np.mean(self.chance(dataset, model, method, metric)))

    def chance(self, dataset: str, model: str, method: str, metric: str) -> Floats:
        """Return that score of each permutation, see `sparks.stability.scores.by_chance`."""
        pairs = self.pairs.get((dataset, model, "", method), Pairs.none())
        return by_chance(pairs, metric, seed=self.bootstrap.seed)

    @cached_property
    def _known(self) -> dict[tuple[str, ...], Estimate]:
        return {}

    @cached_property
    def _by_metric(self) -> dict[str, pd.DataFrame]:
        rows = self._labelled[self._labelled["method"] != ""]
        return {str(metric): part for metric, part in rows.groupby("metric")}

    def conditions(self, kind: str) -> list[tuple[int, str]]:
        """List the levels of a degradation that were run, in percent, 0 (none) first."""
        levels = self.table.loc[self.table["degradation"] == kind, "percent"].unique()
        found = sorted(int(percent) for percent in levels)
        return [(0, ""), *((percent, degraded(kind, percent)) for percent in found)]

    def methods(self, dataset: str, model: str) -> list[str]:
        """List the methods that were run on a model, in the order of every table."""
        rows = self.table[(self.table["dataset"] == dataset) & (self.table["model"] == model)]
        return in_order(set(rows["method"]) - {""})

    def undefined(self, condition: str | None = None) -> str:
        """Say where S₌ or S≠ is empty, or distances are left out; empty where nowhere.

        Args:
            condition: look at this one alone; None for all.
        """
        details = dict.fromkeys(
            text
            for (dataset, model, where, method), pairs in self.pairs.items()
            if condition in (None, where) and where != SAME
            for text in _problems(pairs, f"{model} on {dataset}, {where or 'undegraded'}", method)
        )
        return f" {'; '.join(details)}." if details else ""


def _problems(pairs: Pairs, where: str, method: str) -> list[str]:
    """Say what does not exist for one method; what holds for all reads the same for each."""
    equal, unequal, left_out = pairs.sizes()
    found = []
    if equal == 0:
        found.append(f"S₌ is empty for {where}: MeGe and ReCo do not exist")
    elif unequal == 0:
        found.append(f"S≠ is empty for {where}: ReCo does not exist")
    if left_out:
        found.append(f"{left_out} distances of {method} left out for {where}")
    return found
