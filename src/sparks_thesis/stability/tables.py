"""tab-stability: MuFidelity, MeGe and ReCo by method and data set, published beside ours."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, field
from math import isnan, nan
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stability.scores import METRICS
from sparks.stats import Bootstrap, Interval, kendall_tau, shown
from sparks_thesis.common.table import Table
from sparks_thesis.stability.rows import FOLD_ACCURACY, SAME
from sparks_thesis.stability.scored import Scored

COLUMNS = ("MuFidelity", *METRICS)
COMPARED = ("MuFidelity", "MeGe", "ReCo")  # what the paper prints


@dataclass(frozen=True)
class Stability:
    """Every score of undegraded networks with its interval, and the order of methods compared.

    Attributes:
        counterparts: "data set, network" of ours → published data set shown beside it (the
            nearest in kind).
        tolerance: how far the accuracy of a fold may lie from the mean of all before the caption
            warns; the paper's is 3 %.
        bootstrap: over images within folds.
    """

    counterparts: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 0.03
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame | None = None) -> Table:
        """Make the table from an experiment's tidy scores and the paper's tables."""
        scored = Scored(scores, self.bootstrap)
        if not scored.images:
            raise SparksError("no network was trained on folds: run the experiment stability")
        theirs = _published(published)
        numbers = pd.DataFrame(
            {"dataset": dataset, "model": model, "method": method, "metric": metric}
            | asdict(scored.estimate(dataset, model, "", method, metric).interval())
            | {
                "published": theirs.get((self._beside(dataset, model), metric, method)),
                "ceiling": scored.estimate(dataset, model, SAME, method, metric).value,
                "chance": _chance(scored, dataset, model, method, metric),
            }
            for dataset, model in scored.images
            for method in scored.methods(dataset, model)
            for metric in COLUMNS
        )
        agreement = _agreement(numbers, theirs)
        table = pd.concat([numbers, agreement], ignore_index=True)
        return Table(table, self._shown(table), self._caption(scored, scores))

    def _beside(self, dataset: str, model: str) -> str:
        return self.counterparts.get(f"{dataset}, {model}", "")

    def _shown(self, table: pd.DataFrame) -> pd.DataFrame:
        """Lay the numbers out for reading: a row a method, a column a score."""
        texts = []
        for names, rows in table.groupby(["dataset", "model", "method"], sort=False):
            cells = dict(zip(("dataset", "model", "method"), map(str, names), strict=True))
            of_metric = {str(row["metric"]): row for row in rows.to_dict("records")}
            for metric in COLUMNS:
                cells[f"{metric} ↑"] = _cell(of_metric.get(metric), metric)
            for metric, column in (("MeGe", "ceiling"), ("ReCo", "chance")):
                value = of_metric.get(metric, {}).get(column)
                cells[f"{metric} {column}"] = (
                    "–" if value is None or isnan(value) else f"{value:.2f}"
                )
            texts.append(cells)
        return pd.DataFrame(texts)

    def _caption(self, scored: Scored, scores: pd.DataFrame) -> str:
        beside = ", ".join(
            f"{theirs} beside {ours}"
            for ours, theirs in self.counterparts.items()
            if ours in {", ".join(key) for key in scored.images}
        )
        return (
            "Explanations by networks trained on other folds (each without one of k), undegraded; "
            f"{_sizes(scored)}; {self.bootstrap.level:.0%} bootstrap intervals over images within "
            "folds. MeGe, ReCo: as the paper's tables compute them; (printed): by its equations 5 "
            "and 6. MuFidelity: rank correlation over random subsets of cells, of the network that "
            "did not see the image. Ceiling: MeGe of one "
            "network explained with other random numbers, which no method can exceed (a dash: it "
            "draws none). ReCo is a maximum: chance is its mean when being right is exchanged "
            f"between images. In brackets: published, {beside or 'none'} (other networks; "
            "n/a where a score does not exist). Rows τ: Kendall's correlation of our order of "
            "methods with each published one. " + accuracies(scores, self.tolerance)
            + scored.undefined("")
        )  # fmt: skip


def _chance(scored: Scored, dataset: str, model: str, method: str, metric: str) -> float:
    return scored.by_chance(dataset, model, method, metric) if metric == "ReCo" else nan


def _cell(row: Mapping[Hashable, Any] | None, metric: str) -> str:
    """Write a score with its interval, and the published one in brackets."""
    if row is None:
        return "–"
    text = shown(Interval(row["mean"], row["low"], row["high"], int(row["n"])), 2)
    comparable = metric in COMPARED and pd.notna(row["published"])
    return f"{text} ({row['published']:.2f})" if comparable else text


def _published(published: pd.DataFrame | None) -> dict[tuple[str, str, str], float]:
    """Return (data set, metric, method) → the printed value, of plain networks."""
    if published is None:
        return {}
    plain = published[~published["model"].str.contains("Lipschitz")]
    return {
        (row["dataset"], row["metric"], row["method"]): float(row["value"])
        for row in plain.to_dict("records")
    }


def _agreement(numbers: pd.DataFrame, theirs: Mapping[tuple[str, str, str], float]) -> pd.DataFrame:
    """Compare our order of methods with each published one, score by score."""
    rows = []
    for (dataset, model, metric), ours in numbers.groupby(["dataset", "model", "metric"]):
        for other in dict.fromkeys(key[0] for key in theirs if key[1] == metric):
            common = [m for m in ours["method"] if (other, metric, m) in theirs]
            mine = ours.set_index("method").loc[common, "mean"]
            tau = float("nan")
            if mine.notna().all():
                tau = kendall_tau(mine, [theirs[(other, str(metric), m)] for m in common])
            names = {"dataset": dataset, "model": model, "method": f"τ, {other}"}
            rows.append(names | {"metric": metric, "mean": tau, "n": len(common)})
    return pd.DataFrame(rows)


def _sizes(scored: Scored) -> str:
    """Say how many images, and distances in S₌ and S≠, each model has."""
    details = []
    for (dataset, model), images in scored.images.items():
        sizes = [p.sizes() for k, p in scored.pairs.items() if k[:3] == (dataset, model, "")]
        equal, unequal, _ = sizes[0] if sizes else (0, 0, 0)
        details.append(
            f"{len(images)} images of {dataset} ({equal} distances in S₌, {unequal} in S≠)"
        )
    return "; ".join(dict.fromkeys(details))


def accuracies(scores: pd.DataFrame, tolerance: float) -> str:
    """Tell the accuracies of undegraded folds, and warn where they differ by too much."""
    rows = scores[(scores["metric"] == FOLD_ACCURACY) & (scores["degradation"] == "")]
    details = []
    for (dataset, model), folds in rows.groupby(["dataset", "model"], sort=False):
        values = 100 * folds.sort_values(["seed", "fold"])["value"]
        spread = float((values - values.mean()).abs().max())
        listed = ", ".join(f"{value:.1f}" for value in values)
        text = f"Accuracy of {model} on the held-out folds of {dataset}: {listed} %."
        if spread > 100 * tolerance:
            text += (
                f" WARNING: they lie up to {spread:.1f} points from their mean, more than the "
                f"paper's ±{100 * tolerance:.0f}: part of S≠ reflects networks of unequal quality."
            )
        details.append(text)
    return " ".join(details)
