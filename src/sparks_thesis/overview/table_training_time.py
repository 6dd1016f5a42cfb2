"""tab-training-time: seconds that each training took here. They differ from run to run."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sparks_thesis.common.table import Table


@dataclass(frozen=True)
class TrainingTime:
    """Wall time of every training, apart from the tables that two runs must agree on."""

    def __call__(self, time: pd.DataFrame) -> Table:
        """Make the table from one row a model: dataset, model, seed, value (seconds)."""
        numbers = time.sort_values(["dataset", "model", "seed"], ignore_index=True)
        text = numbers[["dataset", "model", "seed"]].astype(str)
        text["seconds"] = [f"{value:.1f}" for value in numbers["value"]]
        caption = (
            "Wall time of each training on this machine, set-up and data loading included; a "
            "training that was killed and resumed counts from its resumption only."
        )
        return Table(numbers, text, caption)
