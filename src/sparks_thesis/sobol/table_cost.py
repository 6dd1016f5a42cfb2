"""tab-cost: what an explanation takes. Seconds and memory differ from run to run."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from sparks_thesis.common.table import Table

KEYS = ["dataset", "model", "seed", "method"]
METRICS = ["Forwards", "Backwards", "Seconds", "PeakMemory"]


@dataclass(frozen=True)
class Cost:
    """Passes, time and peak memory per explanation, apart from what two runs must agree on."""

    def __call__(self, cost: pd.DataFrame) -> Table:
        """Make the table from tidy rows with the metrics above, one a method and model."""
        numbers = (
            cost.pivot_table(index=KEYS, columns="metric", values="value")
            .reindex(columns=METRICS)
            .reset_index()
            .rename_axis(columns=None)
            .sort_values(["dataset", "model", "seed", "Seconds"], ignore_index=True)
        )
        text = numbers[KEYS].astype(str)
        text["forwards"] = [f"{value:,.0f}" for value in numbers["Forwards"]]
        text["backwards"] = [f"{value:,.0f}" for value in numbers["Backwards"]]
        text["ms"] = [f"{1000 * value:,.1f}" for value in numbers["Seconds"]]
        passes = numbers["Forwards"] + numbers["Backwards"]
        rates = 1e6 * numbers["Seconds"] / passes.where(passes > 0)
        text["µs a pass"] = ["–" if pd.isna(rate) else f"{rate:,.0f}" for rate in rates]
        text["peak memory MB"] = [f"{value:,.0f}" for value in numbers["PeakMemory"]]
        if numbers["seed"].nunique() == 1:
            text = text.drop(columns="seed")
        caption = (
            "Cost of one explanation, fastest first: forward and backward passes, wall time, time "
            "per pass, and peak memory. Peak memory is that of the whole job: on a GPU, the most "
            "that PyTorch allocated; on a CPU, the growth of the process after the model was "
            "loaded, including images and predictions. Time and memory differ from run to run, "
            "and time includes the first import of a method's code. The paper says that Sobol "
            "takes a fraction of the time of other black-box methods; its table is not available."
        )
        return Table(numbers, text, caption)
