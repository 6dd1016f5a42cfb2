"""Put all numbers of an experiment into one tidy table."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ()


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one row a number, measured times and memory left out: they differ from run to run."""
    from sparks.io import save_table
    from sparks.results import COLUMNS, load_results

    table = load_results(inputs["scores"])
    table = table[~table["metric"].isin(["Seconds", "PeakMemory"])].assign(
        experiment=cfg.wildcards["experiment"]
    )
    order = [name for name in COLUMNS if name != "value"]
    table = table.sort_values(order, ignore_index=True)
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"scores": lambda config, names: dag.scores(config, names["experiment"])},
        outputs={"table": paths.EXPERIMENT},
        snakemake=globals().get("snakemake"),
    )
