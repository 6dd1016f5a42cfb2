"""tab-words: Deletion, Insertion and pointing at keywords, on texts, by method."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, proportion, shown
from sparks_thesis.common.table import Table

# metric → heading
METRICS = {
    "Deletion": "word Deletion ↓",
    "Insertion": "word Insertion ↑",
    "PointingGame": "top word is a keyword % ↑",
    "AUPRC": "keywords AUPRC ↑",
    "TokenF1": "keywords F1 ↑",
}
COST = {"Forwards": "forwards", "Backwards": "backwards"}
SHARES = ("PointingGame", "Accuracy")  # zeros and ones
KEYS = ["dataset", "model", "method"]


@dataclass(frozen=True)
class Words:
    """Mean of every metric over texts, with its interval; best Deletion first.

    Attributes:
        bootstrap: of the means, over texts.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores."""
        rows = scores[scores["metric"].isin([*METRICS, *COST])]
        if not set(METRICS) & set(rows["metric"]):
            raise SparksError("no text was explained: give the experiment texts and methods")
        numbers = pd.DataFrame(
            dict(zip([*KEYS, "metric"], names, strict=True)) | asdict(self._mean(str(names[-1]), g))
            for names, g in rows.groupby([*KEYS, "metric"])
        )
        accuracy = scores[scores["metric"] == "Accuracy"]
        explained = rows[rows["metric"] == "Deletion"].groupby("dataset")["image"].nunique()
        sets = "; ".join(
            f"{name}: {n} texts, accuracy {self._accuracy(accuracy, str(name))}"
            f"{_wordless(scores, str(name))}"
            for name, n in explained.items()
        )
        chance = scores[scores["metric"] == "PointingChance"]["value"].mean()
        caption = (
            "Explanations by the importance of words, mean over test texts with its "
            f"{self.bootstrap.level:.0%} interval ({sets}). Deletion and Insertion: area under the "
            "probability of the class as a text's words are replaced by <unk> (or put back), most "
            "important first. Gradients are taken at the embeddings, less that of <unk>. Sobol, "
            "HSIC and Saliency have no sign: words that speak against the class rank with those "
            "that speak for it. Forwards and backwards: texts through the network per "
            "explanation. fel2021sobol's own table (1,000 IMDB reviews) is not available."
        )
        if not pd.isna(chance):
            caption += (
                f" A random word is a keyword in {chance:.1%} of the cases. AUPRC and F1: "
                "agreement of the importance, and of its most important words, with the keywords "
                "(deyoung2020eraser)."
            )
        return Table(self._sorted(numbers), self._shown(numbers), caption)

    def _mean(self, metric: str, group: pd.DataFrame) -> Interval:
        if metric in SHARES:
            return proportion(group["value"].dropna(), self.bootstrap.level)
        return self.bootstrap.mean(group["value"])

    def _accuracy(self, rows: pd.DataFrame, dataset: str) -> str:
        texts = rows[rows["dataset"] == dataset]
        parts = [
            f"{shown(self._mean('Accuracy', group), 1, 100)} % ({split})"
            for split, group in texts.groupby("split")
        ]
        return ", ".join(parts)

    @staticmethod
    def _sorted(numbers: pd.DataFrame) -> pd.DataFrame:
        order = {metric: place for place, metric in enumerate([*METRICS, *COST])}
        rank = numbers[numbers["metric"] == "Deletion"].set_index(KEYS)["mean"]
        keyed = numbers.assign(
            _rank=[rank.get(tuple(row), float("inf")) for row in numbers[KEYS].to_numpy()],
            _metric=numbers["metric"].map(order),
        )
        by = ["dataset", "model", "_rank", "method", "_metric"]
        return keyed.sort_values(by, ignore_index=True).drop(columns=["_rank", "_metric"])

    def _shown(self, numbers: pd.DataFrame) -> pd.DataFrame:
        """Lay the numbers out for reading: a row a method, a column a metric."""
        texts = []
        for names, group in self._sorted(numbers).groupby(KEYS, sort=False):
            of = {str(row["metric"]): row for row in group.to_dict("records")}
            cells = {
                heading: shown(*_interval(of[metric])) if metric in of else "–"
                for metric, heading in METRICS.items()
            }
            cells |= {
                heading: f"{of[metric]['mean']:,.0f}" if metric in of else "–"
                for metric, heading in COST.items()
            }
            texts.append(dict(zip(KEYS, names, strict=True)) | cells)
        return pd.DataFrame(texts).rename(columns={"dataset": "texts"})


def _wordless(scores: pd.DataFrame, dataset: str) -> str:
    """Say how many test texts have no word that the model knows, if any."""
    rows = scores[(scores["metric"] == "Wordless") & (scores["dataset"] == dataset)]
    values = rows.drop_duplicates(["seed", "image"])["value"]
    lost, of = int(values.sum()), len(values)
    return f", {lost} of {of} test texts have no word that it knows" if lost else ""


def _interval(row: Mapping[Hashable, Any]) -> tuple[Interval, int, float]:
    """Return a row's interval, with the digits and the scale for printing it."""
    interval = Interval(*(row[key] for key in ("mean", "low", "high", "n")))
    return (interval, 1, 100.0) if row["metric"] in SHARES else (interval, 3, 1.0)
