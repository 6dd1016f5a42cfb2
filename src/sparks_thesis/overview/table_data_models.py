"""tab-data-models: the data sets, the models trained on them, and how well they do."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd

from sparks.stats import proportion, shown
from sparks_thesis.common.table import Table

KEYS = ["dataset", "model", "seed"]
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
            scores: tidy scores; those with metric "Accuracy" count (1 right, 0 wrong per image).
            history: one row an epoch and model, columns dataset, model, seed, epoch, images,
                parameters and whatever else the training reports.
        """
        right = scores[scores["metric"] == "Accuracy"].drop_duplicates([*KEYS, "split", "image"])
        rows, texts = [], []
        for names, images in right.groupby([*KEYS, "split"]):
            interval = proportion(images["value"], self.level)
            known = dict(zip([*KEYS, "split"], names, strict=True))
            of_run = history[(history[KEYS] == [known[key] for key in KEYS]).all(axis=1)]
            facts = {
                "parameters": int(of_run["parameters"].max()),
                "train_images": int(of_run["images"].max()),
                "epochs": int(of_run["epoch"].max()),
            }
            rows.append(known | facts | {"metric": "Accuracy"} | asdict(interval))
            texts.append(
                known
                | {"parameters": f"{facts['parameters']:,}"}
                | {"training images": f"{facts['train_images']:,}" if facts["epochs"] else "–"}
                | {"epochs": facts["epochs"]}
                | {"accuracy %": shown(interval, 1, 100), "test images": f"{interval.n:,}"}
            )
        caption = (
            f"Accuracy on test images with Wilson's {self.level:.0%} interval. Every model was "
            "trained here from its seed unless it came with its own weights (0 epochs). "
            f"{SEVEN if 'photographs' in set(right['dataset']) else ''}Training times: "
            "tab-training-time."
        )
        return Table(pd.DataFrame(rows), pd.DataFrame(texts).astype(str), caption)
