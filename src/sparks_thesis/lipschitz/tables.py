"""tab-lipschitz and tab-lipschitz-more: 1-Lipschitz networks and their baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, proportion, shown
from sparks_thesis.common.labels import condition as labelled
from sparks_thesis.common.table import Table

KEYS = ["dataset", "model"]

# Metric, setting (`common.labels`) → heading, digits. Arrows tell which way is better.
METRICS = {
    ("MuFidelity", "baseline Uniform"): ("MuFidelity, uniform ↑", 3),
    ("MuFidelity", "baseline Zero"): ("MuFidelity, zero ↑", 3),
    ("AverageStabilityRank", ""): ("Stability (1 − ρ) ↓", 3),
    ("SaliencySmoothGradDistance", "1 - Spearman"): ("to SmoothGrad (1 − ρ) ↓", 3),
    ("SaliencySmoothGradDistance", "l2"): ("to SmoothGrad (ℓ2) ↓", 3),
    ("Deletion", ""): ("Deletion ↓", 3),
    ("Insertion", ""): ("Insertion ↑", 3),
}
PUBLISHED = ("MuFidelity", "Stability", "SaliencySmoothGradDistance")


@dataclass(frozen=True)
class Lipschitz:
    """Metrics of the maps of every method on every network, with the published ones below.

    Attributes:
        bootstrap: over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame) -> Table:
        """Make the table.

        Args:
            scores: the experiment's tidy scores.
            published: rows of the paper's tables.
        """
        rows: list[dict[str, Any]] = []
        texts: list[dict[str, str]] = []
        scores = scores.assign(condition=labelled(scores))
        for names, group in scores[scores["method"] != ""].groupby([*KEYS, "method"]):
            known = dict(zip([*KEYS, "method"], map(str, names), strict=True))
            text = dict(known)
            for (metric, condition), (heading, digits) in METRICS.items():
                values = _of(group, metric, condition)
                interval = self.bootstrap.mean(values) if values.notna().any() else None
                text[heading] = "" if interval is None else shown(interval, digits)
                if interval is not None:
                    rows.append(known | {"metric": heading, "source": "here"} | vars(interval))
            texts.append(text)
        if not rows:
            raise SparksError(
                "no maps of 1-Lipschitz networks were scored: run the study lipschitz"
            )
        for row in published[published["metric"].isin(PUBLISHED)].to_dict("records"):
            rows.append(_published(row))
        for names, group in published[published["metric"].isin(PUBLISHED)].groupby(
            KEYS, sort=False
        ):
            text = {"dataset": str(names[0]), "model": f"{names[1]} (published)"}
            text["method"] = "Saliency"
            for row in group.to_dict("records"):
                text[_heading(row)] = f"{row['value']:g}"
            texts.append(text)
        shown_table = pd.DataFrame(texts).fillna("")
        return Table(pd.DataFrame(rows), shown_table, self._caption(scores))

    def _caption(self, scores: pd.DataFrame) -> str:
        images = scores[scores["metric"] == "AverageStabilityRank"]["image"].nunique()
        return (
            "Maps of 1-Lipschitz networks trained by hKR and of their unconstrained baselines "
            f"(same widths) for the predicted class, {images} test images, with "
            f"{self.bootstrap.level:.0%} bootstrap intervals over images. Removed cells take the "
            "value 0 or uniform noise. Stability: 1 − Spearman between a map and those of copies "
            "with uniform noise in ±0.1. MuFidelity compares each network with itself: its scores "
            "have another scale on each. Published values (serrurier2023lipschitz) come from a "
            "summary of the paper and from other data and networks: compare trends, not values; "
            "the definition and scale of their distance to SmoothGrad are not stated."
        )


def _of(group: pd.DataFrame, metric: str, condition: str) -> pd.Series[Any]:
    rows = group[(group["metric"] == metric) & (group["condition"] == condition)]
    return rows["value"]


def _heading(row: dict[Any, Any]) -> str:
    if row["metric"] == "MuFidelity":
        return METRICS["MuFidelity", row["condition"]][0]
    if row["metric"] == "Stability":
        return METRICS["AverageStabilityRank", ""][0]
    return METRICS["SaliencySmoothGradDistance", "l2"][0]


def _published(row: dict[Any, Any]) -> dict[str, Any]:
    known = {key: row[key] for key in (*KEYS, "method")}
    return known | {"metric": _heading(row), "source": "published", "mean": row["value"]}


@dataclass(frozen=True)
class LipschitzMore:
    """Accuracy by loss, bounds, certificates and attacks, robustness, JPEG size, null blocks.

    Attributes:
        bootstrap: over images.
        tops: percent of the pixels at which the null block's share is shown.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    tops: Sequence[float] = (5, 10, 20)

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame) -> Table:
        """Make the table.

        Args:
            scores: the experiment's tidy scores.
            published: rows of the paper's tables.
        """
        networks = scores[scores["model"] != ""]
        networks = networks.assign(condition=labelled(networks))
        rows: list[dict[str, Any]] = []
        texts = []
        for names, group in networks.groupby(KEYS):
            known = dict(zip(KEYS, map(str, names), strict=True))
            text = dict(known)
            for heading, interval, digits, scale in self._quantities(group):
                text[heading] = "" if interval is None else shown(interval, digits, scale)
                if interval is not None:
                    rows.append(known | {"quantity": heading, "source": "here"} | vars(interval))
            broken = _broken(group)
            text["certificates broken"] = "" if broken is None else f"{broken[0]} of {broken[1]}"
            texts.append(text)
        kept = published[~published["metric"].isin(["MuFidelity", "Stability"])]
        for row in kept.to_dict("records"):
            quantity = " ".join(str(row[k]) for k in ("metric", "condition") if row[k] == row[k])
            rows.append(
                {"dataset": row["dataset"], "model": row["model"], "quantity": quantity}
                | {"source": "published", "mean": row["value"]}
            )
        return Table(pd.DataFrame(rows), pd.DataFrame(texts).fillna(""), self._caption(kept))

    def _quantities(self, group: pd.DataFrame) -> list[tuple[str, Interval | None, int, float]]:
        right = group[(group["metric"] == "Accuracy") & (group["split"] == "test")]["value"]
        found: list[tuple[str, Interval | None, int, float]] = [
            ("accuracy %", proportion(right) if len(right) else None, 1, 100.0)
        ]
        saliency = group[group["method"] == "Saliency"]
        for heading, rows, metric, condition, digits, scale in (
            ("Lipschitz bound", group, "LipschitzBound", "", 3, 1.0),
            ("largest gradient found", group, "LargestGradient", "", 3, 1.0),
            ("‖∇f‖", group, "GradientNorm", "", 3, 1.0),
            ("|f(x − f∇f)| / |f|", group, "BoundaryError", "", 2, 1.0),
            ("certified radius", group, "CertifiedRadius", "", 3, 1.0),
            ("smallest attack", group, "AttackNorm", "", 3, 1.0),
            ("cos(attack, −∇)", group, "AttackCosine", "", 2, 1.0),
            ("Robustness-Sr", saliency, "Robustness-Sr", "", 3, 1.0),
            ("JPEG bytes", saliency, "JPEGSize", "", 0, 1.0),
            ("class changed at t = 3, %", group, "CounterfactualChanged", "t = 3", 0, 100.0),
            (
                "independent classifier follows, %",
                group,
                "CounterfactualFollowed",
                "t = 3",
                0,
                100.0,
            ),
            ("‖x′ − x‖ at t = 3", group, "CounterfactualLength", "t = 3", 2, 1.0),
            *(
                (f"null block, top {top:g} %", saliency, "NullBlockRate", f"top {top:g}%", 1, 100.0)
                for top in self.tops
            ),
        ):
            values = _of(rows, metric, condition)
            interval = self.bootstrap.mean(values) if values.notna().any() else None
            found.append((heading, interval, digits, scale))
        return found

    def _caption(self, published: pd.DataFrame) -> str:
        def published_value(metric: str, model: str, column: str, value: str) -> str:
            rows = published[(published["metric"] == metric) & (published["model"] == model)]
            rows = rows[rows[column] == value]
            return f"{rows['value'].iloc[0]:g}" if len(rows) else "unknown"

        null = [
            published_value("NullBlockRate", m, "condition", "top 10%")
            for m in ("unconstrained", "OTNN")
        ]
        soft, earlier, plain = (
            published_value("Accuracy", model, "condition", condition)
            for model, condition in (
                ("OTNN", "softmax-weighted multiclass hKR loss"),
                ("OTNN", "earlier multiclass hKR loss"),
                ("unconstrained", "cross-entropy"),
            )
        )
        return (
            "1-Lipschitz networks and their unconstrained baselines. Bound: product of the exact "
            "operator norms of all layers; largest gradient of the class's logit found by search "
            "around the images. Certified radius: the margin over the measured bound; smallest "
            "attack: ℓ2 norm of the smallest perturbation that several starts of DDN find, not "
            "clipped; a certificate is broken where that is below the radius. ‖∇f‖ = 1 and error "
            "0 hold for the minimiser of hKR only. Counterfactuals x′ = x − t f ∇f / ‖∇f‖², which "
            "is the paper's x − t f ∇f where ‖∇f‖ = 1, cut to [0, 1]: whether the model's class, "
            "and that of an independent support-vector machine, becomes the rival's. "
            "Robustness-Sr and JPEG size of Saliency. Null block: share of the highest saliency "
            "in the uninformative half of the image (chance 50 %). Published, from a summary of "
            f"the paper: accuracy on Fashion-MNIST {soft} % by the softmax-weighted loss, "
            f"{earlier} % by one-vs-all, {plain} % unconstrained; null block, top 10 %: {null[0]} "
            f"% unconstrained, {null[1]} % 1-Lipschitz."
        )


def _broken(group: pd.DataFrame) -> tuple[int, int] | None:
    """Return the number of certificates that an attack broke, and their total; None without any."""
    wide = group[group["metric"].isin(["CertifiedRadius", "AttackNorm"])].pivot_table(
        index=["seed", "image"], columns="metric", values="value"
    )
    if not {"CertifiedRadius", "AttackNorm"} <= set(wide.columns):
        return None
    return int((wide["AttackNorm"] < wide["CertifiedRadius"]).sum()), len(wide)
