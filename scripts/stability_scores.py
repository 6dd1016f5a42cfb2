"""Put what one model's folds gave into a tidy table: distances of one kind, metrics, accuracies."""

from harness import grid, places
from harness.job import Config, Paths, main

PARTS = ("studies.stability.distance",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one row a distance, metric of an image, and accuracy of a fold."""
    import pandas as pd

    from sparks.artifacts import load_table, save_table
    from sparks.stability.tables import fold_accuracy, held_out, tidy_metrics, tidy_pairs

    pairs = pd.concat([load_table(path) for path in inputs["pairs"]], ignore_index=True)
    metrics = pd.concat([load_table(path) for path in inputs["metrics"]], ignore_index=True)
    history = pd.concat([load_table(path) for path in inputs["history"]], ignore_index=True)
    rows = [
        tidy_pairs(pairs, cfg["studies.stability.distance"]),
        held_out(pairs),
        tidy_metrics(metrics),
        fold_accuracy(history),
    ]
    save_table(outputs["table"], pd.concat(rows, ignore_index=True), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs=grid.stability_scores_inputs,
        outputs={"table": places.STABILITY_SCORES},
        snakemake=globals().get("snakemake"),
    )
