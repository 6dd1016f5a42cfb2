"""Put all numbers of an experiment into one tidy table."""

from harness import grid, places
from harness.job import Config, Paths, main

PARTS = ()


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one row a number, measured times and memory left out: they differ from run to run."""
    import pandas as pd

    from sparks.artifacts import TIDY, load_table, save_table

    table = pd.concat([load_table(path) for path in inputs["scores"]], ignore_index=True)
    table = table[~table["metric"].isin(["Seconds", "PeakMemory"])].assign(
        experiment=cfg.wildcards["experiment"]
    )
    table = table[list(TIDY)].sort_values(list(TIDY[:-1]), ignore_index=True)
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"scores": lambda config, names: grid.scores(config, names["experiment"])},
        outputs={"table": places.EXPERIMENT},
        snakemake=globals().get("snakemake"),
    )
