"""Measure what the distances between maps do when a spot moves, and under growing noise."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("studies.stability.distances", "studies.stability.noises", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one row a distance: `method` names it, `condition` what changed, `image` the repeat."""
    import pandas as pd

    from harness.loading import build_as, tidy
    from sparks.artifacts import save_table
    from sparks.stability.distance_sensitivity import noises, pixels, shifts
    from sparks.stability.distances import Distances

    distances = build_as(Distances, cfg["studies.stability.distances"])
    deviations = cfg["studies.stability.noises"]
    moved, noisy = shifts(distances), noises(distances, deviations, cfg["seed"])
    tables = []
    for name in moved:
        names = {"method": name, "seed": str(cfg["seed"])}
        for shift, value in zip(pixels(), moved[name], strict=True):
            tables.append(tidy(names, {"MapDistance": value[None]}, f"shift {shift:.3f}"))
        for deviation, values in zip(deviations, noisy[name], strict=True):
            tables.append(tidy(names, {"MapDistance": values}, f"noise {deviation:.3f}"))
    save_table(outputs["table"], pd.concat(tables, ignore_index=True), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={},
        outputs={"table": places.MAP_DISTANCES},
        snakemake=globals().get("snakemake"),
    )
