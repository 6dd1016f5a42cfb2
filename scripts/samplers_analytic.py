"""Estimate total indices of functions that have known ones, by every sequence and estimator."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("studies.functions", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the deviations from the true indices (`image` numbers the repeats).

    `dataset` is the function, `method` the sequence, `variant` the estimator.
    """
    import pandas as pd

    from harness.loading import tidy
    from sparks.artifacts import save_table
    from sparks.progress import progress
    from sparks.sensitivity.accuracy import FUNCTIONS, SAMPLERS, deviations, estimates

    settings = cfg["studies.functions"]
    tables = []
    for name, function in progress(FUNCTIONS.items(), unit="function", total=len(FUNCTIONS)):
        _, true = function.indices()
        for sampler in SAMPLERS:
            for points in settings["points"]:
                found = estimates(function, sampler, points, settings["repeats"], cfg["seed"])
                for estimator, total in found.items():
                    names = {"dataset": name, "method": sampler.label, "seed": str(cfg["seed"])}
                    table = tidy(names, deviations(total, true.double()), f"{points} points")
                    tables.append(table.assign(variant=estimator))
    save_table(outputs["table"], pd.concat(tables, ignore_index=True), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={},
        outputs={"table": places.SAMPLERS_ANALYTIC},
        snakemake=globals().get("snakemake"),
    )
