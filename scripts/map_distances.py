"""Measure what the distances between maps do when a spot moves, and under growing noise."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.stability.distances", "studies.stability.noises", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one row a distance: `method` names it."""
    from sparks.stability.distances import Distances
    from sparks_thesis.pipeline.artifacts import settings_below, write_results
    from sparks_thesis.pipeline.factories import build_as
    from sparks_thesis.stability.study_distances import distances_under_change

    settings = settings_below(cfg, "studies.stability")
    distances = build_as(Distances, settings["distances"])
    numbers = distances_under_change(distances, settings["noises"], cfg["seed"])
    write_results(cfg, outputs["table"], numbers, seed=cfg["seed"])


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"table": paths.MAP_DISTANCES},
        snakemake=globals().get("snakemake"),
    )
