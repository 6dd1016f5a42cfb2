"""tab-pointing: how often the maximum of a map lies on a part that decides."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd

from sparks.errors import SparksError
from sparks.stats import Interval, proportion, shown
from sparks_thesis.common.table import Table

KEYS = ["dataset", "model", "method"]


@dataclass(frozen=True)
class Pointing:
    """The pointing game by method and model, best first, beside chance.

    Attributes:
        level: coverage of Wilson's interval.
    """

    level: float = 0.95

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores."""
        hits = scores[(scores["metric"] == "PointingGame") & scores["forwards"].isna()]
        if hits.dropna(subset="value").empty:
            raise SparksError(
                "no map was scored by the pointing game: give the experiment the metric "
                "`localisation` and a data set with parts"
            )
        areas = scores[scores["metric"] == "PointingChance"].groupby(KEYS)["value"].mean().to_dict()
        rows = [
            dict(zip(KEYS, names, strict=True))
            | asdict(proportion(group["value"].dropna(), self.level))
            | {"chance": areas[names]}
            for names, group in hits.groupby(KEYS)
        ]
        numbers = pd.DataFrame(rows).sort_values(
            ["dataset", "model", "mean", "method"],
            ascending=[True, True, False, True],
            ignore_index=True,
        )
        text = numbers[KEYS].copy()
        text["hits %"] = [
            shown(Interval(*row), 1, 100)
            for row in numbers[["mean", "low", "high", "n"]].itertuples(index=False)
        ]
        text["chance %"] = [f"{100 * chance:.1f}" for chance in numbers["chance"]]
        text["images"] = [str(n) for n in numbers["n"]]
        caption = (
            "Pointing game: the share of images where the map's maximum lies on a part that "
            f"decides the class, with Wilson's {self.level:.0%} interval. On chimera the parts are "
            "known, because the images are drawn, and the class explained is the model's own; on "
            "VOC and COCO they are boxes around the objects of a class, and every class in an "
            "image is explained. Chance is their mean area, what a random point hits. fel2021sobol "
            "plays it on VOC and COCO; its table is not available."
        )
        return Table(numbers, text, caption)
