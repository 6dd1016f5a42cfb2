"""Measure what the distances between maps do when a spot moves, and under growing noise."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.stability.distances", "studies.stability.noises", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one row a distance: `method` names it."""
    from sparks.io import save_table
    from sparks.results import MetricRecorder
    from sparks.stability.distance_sensitivity import noises, pixels, shifts
    from sparks.stability.distances import Distances
    from sparks_thesis.pipeline.factories import build_as

    distances = build_as(Distances, cfg["studies.stability.distances"])
    deviations = cfg["studies.stability.noises"]
    moved, noisy = shifts(distances), noises(distances, deviations, cfg["seed"])
    recorder = MetricRecorder()
    for name in moved:
        of_shifts = {"amount": pixels(), "repeat": 0}
        recorder.add({"MapDistance": moved[name]}, method=name, change="shift", **of_shifts)
        for deviation, values in zip(deviations, noisy[name], strict=True):
            repeats = {"amount": deviation, "repeat": range(len(values))}
            recorder.add({"MapDistance": values}, method=name, change="noise", **repeats)
    save_table(outputs["table"], recorder.table(seed=cfg["seed"]), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"table": paths.MAP_DISTANCES},
        snakemake=globals().get("snakemake"),
    )
