"""Put the maps of all shards of the images into one artifact, a block at a time."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("explain.shard",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the maps of all images with the classes they explain, and what they cost together."""
    from sparks.io import count_rows, save_rows, save_table
    from sparks.results import load_results
    from sparks_thesis.common.shards import joined_cost, joined_maps

    rows = [count_rows(path, "target") for path in inputs["maps"]]
    costs = [load_results(path) for path in inputs["costs"]]
    save_rows(outputs["maps"], joined_maps(inputs["maps"], rows), sum(rows), cfg.provenance())
    save_table(outputs["cost"], joined_cost(costs, rows), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.shards,
        outputs={"maps": paths.MAPS, "cost": paths.COST},
        snakemake=globals().get("snakemake"),
    )
