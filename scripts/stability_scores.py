"""Put what one model's folds gave into a tidy table: distances of one kind, metrics, accuracies."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    import pandas as pd

CONFIG_KEYS = ("studies.stability.distance",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one row a distance, metric of an image, and accuracy of a fold."""
    import pandas as pd

    from sparks.io import load_table, save_table
    from sparks_thesis.stability.rows import fold_accuracy, held_out, tidy_metrics, tidy_pairs

    pairs, metrics = _read(inputs["pairs"]), _read(inputs["metrics"])
    history = pd.concat([load_table(path) for path in inputs["history"]], ignore_index=True)
    rows = [
        tidy_pairs(pairs, cfg["studies.stability.distance"]),
        held_out(pairs),
        tidy_metrics(metrics),
        fold_accuracy(history),
    ]
    save_table(outputs["table"], pd.concat(rows, ignore_index=True), cfg.provenance())


def _read(files: list[str]) -> "pd.DataFrame":
    """Put tables into one, in an order that does not tell of shards; some of these are empty."""
    import pandas as pd

    from sparks.io import load_table

    tables = [load_table(path) for path in files]
    table = pd.concat([part for part in tables if len(part)] or tables[:1], ignore_index=True)
    order = ["method", "degradation", "percent", "fold", "image", "other", "metric"]
    return table.sort_values([key for key in order if key in table], ignore_index=True)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.stability_scores_inputs,
        outputs={"table": paths.STABILITY_SCORES},
        snakemake=globals().get("snakemake"),
    )
