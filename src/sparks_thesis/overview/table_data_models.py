"""tab-data-models: the data sets, the models trained on them, and how well they do."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import pandas as pd

from sparks.stats import proportion, shown
from sparks_thesis.common.learnt import MAJORITY, NETWORK, RIGHT
from sparks_thesis.common.table import Table

SEVEN = (
    "The seven photographs were chosen because networks trained on ImageNet recognise them, so "
    "this accuracy is not a finding. "
)


@dataclass(frozen=True)
class DataModels:
    """Test accuracy of every trained model, with what its training took.

    Attributes:
        level: coverage of the interval of the accuracy.
    """

    level: float = 0.95

    def __call__(self, scores: pd.DataFrame, history: pd.DataFrame) -> Table:
        """Make the table.

        Args:
            scores: tidy scores; those with metric "Accuracy" count (1 right, 0 wrong per image),
                and "MajorityAccuracy" (1 where the image is of the most frequent class).
            history: one row an epoch and model, columns dataset, model, seed, epoch, images,
                parameters and whatever else the training reports.
        """
        counted = scores[scores["metric"].isin([RIGHT, MAJORITY]) & (scores["split"] != "train")]
        counted = counted.drop_duplicates([*NETWORK, "split", "metric", "image"])
        right = counted[counted["metric"] == RIGHT]
        most = counted[counted["metric"] == MAJORITY].groupby([*NETWORK, "split"])["value"].mean()
        rows, texts = [], []
        for names, images in right.groupby([*NETWORK, "split"]):
            interval = proportion(images["value"], self.level)
            known = dict(zip([*NETWORK, "split"], names, strict=True))
            of_run = history[(history[NETWORK] == [known[key] for key in NETWORK]).all(axis=1)]
            facts = {
                "parameters": int(of_run["parameters"].max()),
                "train_images": int(of_run["images"].max()),
                "epochs": int(of_run["epoch"].max()),
            }
            majority = float(most.get(names, math.nan))
            rows.append(
                known | facts | {"metric": RIGHT} | asdict(interval) | {"majority": majority}
            )
            texts.append(
                known
                | {"parameters": f"{facts['parameters']:,}"}
                | {"training images": f"{facts['train_images']:,}" if facts["epochs"] else "–"}
                | {"epochs": facts["epochs"]}
                | {"accuracy %": shown(interval, 1, 100)}
                | {"majority %": "–" if math.isnan(majority) else f"{100 * majority:.1f}"}
                | {"test images": f"{interval.n:,}"}
            )
        caption = (
            f"Accuracy on test images with Wilson's {self.level:.0%} interval; majority: that of "
            "always naming the most frequent class. Every model was "
            "trained here from its seed unless it came with its own weights (0 epochs). "
            f"{SEVEN if 'photographs' in set(right['dataset']) else ''}Training times: "
            "tab-training-time."
        )
        return Table(pd.DataFrame(rows), pd.DataFrame(texts).astype(str), caption)
