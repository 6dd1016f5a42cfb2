"""fig-lens-statistics: how many concepts carry a class, beside the 995 classes published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks_thesis.common.style import PAGE, Drawing, style

# One colour and marker a run (Okabe & Ito), the published numbers in black.
_RUNS = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"))


@dataclass(frozen=True)
class LensStatistics:
    """Importance by rank, strategies of a class, prevalence against importance; a row of three."""

    def __call__(self, scores: pd.DataFrame, published: pd.DataFrame) -> Drawing:
        """Draw the figure from rows of `sparks_thesis.lens.write_atlas`."""
        rows = scores[scores["rank"].notna() | scores["target"].notna()]
        if not (rows["metric"] == "ConceptImportance").any():
            raise SparksError("fig-lens-statistics needs the study lens")
        known = list(rows.groupby(["dataset", "model"], sort=False))
        with style():
            from matplotlib.figure import Figure

            figure: Any = Figure(figsize=(PAGE, 2.9), layout="constrained")
            axes = figure.subplots(1, 3)
            details = []
            for number, ((dataset, model), group) in enumerate(known):
                colour, marker = _RUNS[number % len(_RUNS)]
                look = {"color": colour, "marker": marker}
                label = f"{model}, {dataset}"
                shift = (number - (len(known) - 1) / 2) * 0.8 / (len(known) + 1)
                _ranks(axes[0], group, label, look)
                _strategies(axes[1], group, shift, colour, len(known))
                agree = _agreement(axes[2], group, look)
                three = _wide(group)["ConceptImportance"].groupby("class_name").apply(_first_three)
                details.append(f"{label}: {three.mean():.0%}, {agree:.0%}")
            _published(axes, published, len(known))
            handles, labels = axes[0].get_legend_handles_labels()
            figure.legend(
                handles, labels, loc="outside lower center", ncols=min(3, len(labels)),
                frameon=False,
            )  # fmt: skip
        return Drawing(figure, _caption(details, rows))


def _wide(group: pd.DataFrame) -> pd.DataFrame:
    """Return one row a concept: index class and rank."""
    rows = group[group["rank"].notna() & (group["dictionary"] == "")]
    return rows.pivot_table(
        index=["class_name", "rank"], columns="metric", values="value", dropna=False
    )


def _first_three(importance: pd.Series) -> float:
    return float(importance.nlargest(3).sum())


def _ranks(axis: Any, group: pd.DataFrame, label: str, look: dict[str, Any]) -> None:
    by_rank = _wide(group)["ConceptImportance"].unstack("rank") * 100
    axis.plot(by_rank.columns, by_rank.mean(), ms=3.5, lw=1, label=label, **look)
    axis.fill_between(
        by_rank.columns, by_rank.min(), by_rank.max(), color=look["color"], alpha=0.1, lw=0
    )
    axis.set(xlabel="rank of the concept", ylabel="share of the logit, %", title="importance")


def _strategies(axis: Any, group: pd.DataFrame, shift: float, colour: str, runs: int) -> None:
    found = group[group["metric"] == "Strategies"]["value"].astype(int)
    share = found.value_counts(normalize=True).sort_index() * 100
    axis.bar(share.index + shift, share, width=0.8 / (runs + 1), color=colour)
    axis.set(xlabel="important concepts", ylabel="classes, %", title="strategies of a class")


def _agreement(axis: Any, group: pd.DataFrame, look: dict[str, Any]) -> float:
    wide = _wide(group)
    axis.scatter(
        wide["ConceptImportance"] * 100, wide["Prevalence"] * 100, s=9, alpha=0.6, linewidths=0,
        **look,
    )  # fmt: skip
    axis.set(xlabel="importance, %", ylabel="prevalence, %", title="prevalence")
    first = wide.groupby("class_name")[["ConceptImportance", "Prevalence"]].agg(np.argmax)
    return float((first["ConceptImportance"] == first["Prevalence"]).mean())


def _published(axes: Any, published: pd.DataFrame, runs: int) -> None:
    black = {"color": "k", "lw": 1}
    ranks = published[published["metric"] == "ConceptImportance mean"]
    number = ranks["rank"].astype(int)
    axes[0].plot(number, ranks["value"], "k--", marker="x", ms=4, lw=1,
                 label="ResNet50, ImageNet (published)")  # fmt: skip
    counts = published[published["concepts"].notna()]
    place = counts["concepts"].astype(int)
    share = counts["value"] / counts["value"].sum() * 100
    shift = (runs - (runs - 1) / 2) * 0.8 / (runs + 1)
    axes[1].bar(
        place + shift, share, width=0.8 / (runs + 1), facecolor="none", edgecolor="k", lw=0.9
    )
    prevalence = published[published["metric"] == "PointShare mean"]["value"]
    if len(prevalence) and len(ranks):
        first = ranks.loc[number.idxmin(), "value"]
        axes[2].plot([first], [prevalence.iloc[0]], "x", ms=7, mew=1.5, color="k")
    end = axes[2].get_xlim()[1]
    axes[2].plot([0, end], [0, end], ls=":", **black)
    axes[0].set_ylim(0, None)
    for axis in axes[:2]:
        axis.xaxis.get_major_locator().set_params(integer=True)


def _caption(details: list[str], rows: pd.DataFrame) -> str:
    images = rows[rows["metric"] == "Images"]["value"]
    few, many = int(images.min()), int(images.max())
    seen = f"{few}" if few == many else f"{few} to {many}"
    return (
        "Concepts of every class by CRAFT at the last layer. Left: mean importance, the share of "
        "the positive contributions to the logit, by rank; bands from the least to the greatest "
        "class; dashed: the mean of 995 ImageNet classes on the published site (ResNet50, rounded "
        "down there). Middle: concepts that contribute most to at least ten images of a class, "
        "as a share of the classes; outlined: published. Right: importance against prevalence, "
        "the share of a class's images that a concept dominates; cross: the published means of "
        "the most important and of the most prevalent concept; dotted: equal. Mean share of the "
        "first three concepts (published: 80 %), and classes in which the most prevalent "
        f"concept is the most important one (published: 97 %): {'; '.join(details)}. Classes here "
        f"have {seen} training images predicted as them "
        "(published: 101 to 484)."
    )
