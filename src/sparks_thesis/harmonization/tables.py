"""tab-harmonized: does imitation of human maps cure the shortcut?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.table import Table

# Column of the table → metric, split or reduction, factor for display, digits.
COLUMNS: Mapping[str, tuple[str, str, float, int]] = {
    "accuracy %, unbiased": ("Accuracy", "test", 100, 1),
    "accuracy %, biased": ("Accuracy", "test_biased", 100, 1),
    "alignment %": ("Alignment", "max-abs", 100, 1),
    "alignment %, abs-mean": ("Alignment", "abs-mean", 100, 1),
    "alignment %, signed": ("Alignment", "mean", 100, 1),
    "gradient energy in its mean over channels %": ("VisibleEnergy", "", 100, 1),
    "Dice": ("Dice", "max-abs", 1, 3),
    "IoU": ("IoU", "max-abs", 1, 3),
}


SIMULATED = "The people are simulated: clicks drawn around the parts that decide."


def about_people(datasets: Iterable[str]) -> str:
    """Return a sentence, with a space behind it, where the people of the data sets are simulated.

    Of real people, the files of their data sets say who they are (`note`).
    """
    return f"{SIMULATED} " if all(str(name).startswith("chimera") for name in datasets) else ""


def of_networks(scores: pd.DataFrame) -> pd.DataFrame:
    """Return means over images of each network, and "Alignment", Spearman over the human ceiling.

    Returns:
        columns dataset, model, architecture, harmonizer_weight (λ), seed, metric, setting (the
        split of an accuracy, the reduction of an alignment), revealed, value.

    Raises:
        SparksError: when no network with a harmonizer was measured.
    """
    rows = scores[scores["harmonizer_weight"].notna()]
    if rows.empty:
        raise SparksError("no harmonized network was measured: run the experiment harmonization")
    rows = rows.assign(setting=rows["split"] + rows["reduction"])
    keys = ["dataset", "model", "architecture", "harmonizer_weight", "seed", "metric", "setting"]
    groups = rows.groupby([*keys, "revealed"], dropna=False)["value"]
    means: pd.DataFrame = groups.mean().reset_index()
    networks = ["dataset", "model", "seed"]
    ceiling = means[means["metric"] == "HumanCeiling"].set_index(networks)["value"]
    aligned = means[means["metric"] == "Spearman"].copy()
    if len(ceiling):
        of_each = ceiling.reindex(pd.MultiIndex.from_frame(aligned[networks])).to_numpy()
        means = pd.concat(
            [means, aligned.assign(metric="Alignment", value=aligned["value"] / of_each)]
        )
    return means


def of_population(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds of each kind of network that the study `population` trained.

    Returns:
        kinds × "Alignment", then the accuracy on each test split: "test" and, where training
        images have a shortcut, "test_biased".
    """
    rows = scores[(scores["architecture"] != "") & scores["harmonizer_weight"].isna()]
    rows = rows[rows["metric"].isin(["Alignment", "Accuracy"])]
    named = rows["split"].where(rows["metric"] == "Accuracy", "Alignment")
    wide: pd.DataFrame = rows.assign(quantity=named).pivot_table(
        index=["dataset", "architecture"], columns="quantity", values="value"
    )
    return wide.dropna()


@dataclass(frozen=True)
class Harmonized:
    """Accuracy with and without the shortcut, and alignment, by architecture and λ.

    Attributes:
        bootstrap: over seeds, paired where a network is compared with its baseline.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from the experiment's tidy scores."""
        means = of_networks(scores)
        rows: list[dict[str, Any]] = []
        texts: list[dict[str, str]] = []
        for (dataset, name), group in means.groupby(["dataset", "architecture"]):
            base = _wide(group[group["harmonizer_weight"] == 0])
            for weight in sorted(set(group["harmonizer_weight"])):
                wide = _wide(group[group["harmonizer_weight"] == weight])
                known = {"dataset": str(dataset), "network": str(name), "λ": f"{weight:g}"}
                text = dict(known)
                for column, (metric, setting, scale, digits) in COLUMNS.items():
                    if (metric, setting) not in wide:
                        text[column] = "n/a"
                        continue
                    values = wide[metric, setting]
                    interval = self._add(rows, known, column, values)
                    text[column] = shown(interval, digits, scale)
                    if weight > 0 and (metric, setting) in base:
                        gain = self._gain(values, base[metric, setting])
                        if gain is not None:
                            rows.append(known | {"quantity": f"{column}, gain"} | vars(gain))
                            text[column] += f" ({gain.mean * scale:+.{digits}f})"
                texts.append(text | {"seeds": str(len(wide))})
        return Table(pd.DataFrame(rows), pd.DataFrame(texts), self._caption(scores))

    def _add(
        self, rows: list[dict[str, Any]], known: dict[str, Any], column: str, values: pd.Series[Any]
    ) -> Interval:
        interval = self.bootstrap.mean(values)
        rows.append(known | {"quantity": column} | vars(interval))
        return interval

    def _gain(self, ours: pd.Series[Any], base: pd.Series[Any]) -> Interval | None:
        both = ours.index.intersection(base.index)
        if both.empty:
            return None
        return self.bootstrap.difference(ours[both], base[both])

    def _caption(self, scores: pd.DataFrame) -> str:
        images = scores[scores["metric"] == "Spearman"]["image"].nunique()
        drawn = bool(about_people(scores["dataset"]))
        where = (
            "on chimera, where the background reveals the class of nine in ten training images. "
            "Unbiased test images stand on any background"
            if drawn
            else f"on {', '.join(sorted(set(scores['dataset'])))}"
        )
        return (
            "Networks trained with the harmonizer's loss (weight λ) and their baselines of the "
            f"same recipe (λ = 0), {where}. Alignment: "
            "Spearman's correlation of the gradient of the true logit (largest absolute value "
            "over channels; abs-mean: |mean|; signed: mean, which the released loss makes alike) "
            "with the human map, over the human ceiling; Dice and IoU of the top 10 % of both "
            f"maps; {images} unbiased images. {about_people(scores['dataset'])}"
            "The ceiling is the correlation of two halves of the people. The mean over channels "
            "keeps a third of a gradient's energy by chance; the released loss sees no other, so "
            "that colour may decide unseen. "
            f"Mean over seeds, in brackets its {self.bootstrap.level:.0%} bootstrap interval over "
            "seeds; in parentheses the gain over the baseline of the same seed. "
            "fel2022harmonization (ImageNet, ClickMe) reports gains of 12 to 43 points of "
            "alignment, and 0.1 to 2.3 of accuracy."
        )


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """Seeds × (metric, setting)."""
    return rows.pivot_table(index="seed", columns=["metric", "setting"], values="value")
