"""Estimate total indices of functions that have known ones, by every sequence and estimator."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.functions", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the deviations from the true indices."""
    from sparks.io import save_table
    from sparks_thesis.sobol.study_functions import FunctionsStudy

    study = FunctionsStudy(**cfg["studies.functions"], seed=cfg["seed"])
    save_table(outputs["table"], study.run().table(seed=cfg["seed"]), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"table": paths.SAMPLERS_ANALYTIC},
        snakemake=globals().get("snakemake"),
    )
