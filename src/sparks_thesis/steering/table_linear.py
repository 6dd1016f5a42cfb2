"""tab-linear: are parts directions that atoms match, and does subtracting act like repainting?"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, shown
from sparks_thesis.common.concept_figures import by_depth
from sparks_thesis.common.table import Table

# metric, method, t (None where it has none) → row and heading
QUESTIONS = {
    "variance on one direction": {
        "measured": ("DirectionShare", "part"),
        "random parts": ("DirectionShare", "random parts"),
        "shuffled images": ("DirectionShare", "another image"),
        "untrained network": ("DirectionShare", "untrained network"),
    },
    "cosine with the part's direction in another class": {
        "measured": ("CosineSamePart", "part"),
        "untrained network": ("CosineSamePart", "untrained network"),
    },
    "cosine with another part's direction in another class": {
        "measured": ("CosineOtherPart", "part"),
        "untrained network": ("CosineOtherPart", "untrained network"),
    },
    "cosine with the nearest atom": {
        "measured": ("AtomCosine", "dictionary"),
        "shuffled atoms": ("AtomCosine", "shuffled atoms"),
    },
    "change of the logit, over that by repainting: atom subtracted": {
        "measured": ("ChangeRatio", "atom"),
        "shuffled atoms": ("ChangeRatio", "shuffled atom"),
        "oracle": ("ChangeRatio", "direction of other images"),
    },
    "its rank correlation with that by repainting": {
        "measured": ("ChangeSpearman", "atom"),
        "shuffled atoms": ("ChangeSpearman", "shuffled atom"),
        "oracle": ("ChangeSpearman", "direction of other images"),
    },
}
HEADINGS = (
    "measured", "random parts", "shuffled images", "shuffled atoms", "untrained network", "oracle",
)  # fmt: skip
PUSHES = {"measured": "part", "atom": "atom", "shuffled atoms": "shuffled atom"}


@dataclass(frozen=True)
class Linear:
    """A row a layer and question, a column what is measured and each control.

    Attributes:
        bootstrap: of the means, over pairs of class and part.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores."""
        share = scores[scores["metric"] == "DirectionShare"]
        if share.empty:
            raise SparksError("tab-linear needs images that can be painted without a part: chimera")
        numbers, texts = [], []
        for (dataset, model), run in scores.groupby(["dataset", "model"], sort=False):
            own = run[run["part"].notna() & (run["layer"] != "")]
            if not (own["metric"] == "DirectionShare").any():
                continue
            for layer in by_depth(run, own["layer"]):
                here = own[own["layer"] == layer]
                where = {"data": str(dataset), "model": str(model), "layer": layer}
                for question, cells in self._questions(here):
                    row = dict.fromkeys(HEADINGS, "–")
                    for heading, interval in cells.items():
                        row[heading] = shown(interval, 2)
                        known = where | {"question": question, "of": heading}
                        numbers.append(known | asdict(interval))
                    texts.append(where | {"question": question} | row)
        return Table(pd.DataFrame(numbers), pd.DataFrame(texts), self._caption(scores))

    def _questions(self, rows: pd.DataFrame) -> list[tuple[str, dict[str, Interval]]]:
        found = [
            (question, {
                heading: self.bootstrap.mean(values)
                for heading, (metric, method) in cells.items()
                if len(values := self._values(rows, metric, method))
            })
            for question, cells in QUESTIONS.items()
        ]  # fmt: skip
        outside = rows[rows["metric"] == "Outside"]
        for t, group in outside[outside["t"] > 0].groupby("t"):
            for label, other in (("part", {}), ("atom", {"shuffled atoms": "shuffled atom"})):
                cells = {
                    heading: self.bootstrap.mean(group[group["method"] == method]["value"])
                    for heading, method in {"measured": label, **other}.items()
                }
                if label == "part":
                    repainted = outside[outside["method"] == "repainted"]["value"]
                    cells["oracle"] = self.bootstrap.mean(repainted)
                found.append(
                    (f"images outside the data, pushed along the {label}, t = {t:g}", cells)
                )
        return found

    @staticmethod
    def _values(rows: pd.DataFrame, metric: str, method: str) -> pd.Series:
        chosen = rows[(rows["metric"] == metric) & (rows["method"] == method)]
        return chosen["value"].dropna()

    def _caption(self, scores: pd.DataFrame) -> str:
        pairs = scores[scores["metric"] == "DirectionShare"].drop_duplicates(["target", "part"])
        return (
            "Test of the linear representation hypothesis on synthetic scenes, each painted with "
            "and without a part that decides its class. The effect of a part is the change of the "
            "mean activation, d = a(x) − a(x without the part). Variance: share of ‖d‖² along a "
            "single direction, which is fitted on one half of the images and judged on the other. "
            "Controls: random parts, the effects of other parts scaled to equal length; shuffled "
            "images, a(x) and a(x without the part) of different images. Atom: the atom of the "
            "class's dictionary nearest to the mean direction of d, subtracted with its own "
            "coefficients at every place. Shuffled atoms: the same numbers in other channels (for "
            "the cosine, the nearest of as many as the dictionary has). Oracle: the length of d "
            "along the mean direction of the other half of the images, subtracted at every place; "
            "for distances, the repainted images themselves. Logit: change of the class's logit "
            "over its change by repainting (1: as large). Outside the data: share of images that, "
            "moved by t times the length of d along the part's direction, lie farther from their "
            "fifth neighbour among training images than 95 % of the images lie before. Means over "
            f"{len(pairs)} pairs of class and part with {self.bootstrap.level:.0%} bootstrap "
            "intervals. Ours: the thesis states no number on this."
        )
