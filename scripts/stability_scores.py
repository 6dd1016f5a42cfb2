"""Put what one model's folds gave into a tidy table: distances of one kind, metrics, accuracies."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.stability.distance",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one row a distance, metric of an image, and accuracy of a fold."""
    import pandas as pd

    from sparks.io import load_table, save_table
    from sparks_thesis.stability.rows import joined, tidy

    pairs, metrics = (joined([*map(load_table, inputs[key])]) for key in ("pairs", "metrics"))
    history = pd.concat(map(load_table, inputs["history"]), ignore_index=True)
    table = tidy(pairs, metrics, history, cfg["studies.stability.distance"])
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.stability_scores_inputs,
        outputs={"table": paths.STABILITY_SCORES},
        snakemake=globals().get("snakemake"),
    )
