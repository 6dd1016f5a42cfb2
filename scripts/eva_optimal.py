"""Compare EVA's order of the inputs of tiny networks with the best subset of each size."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("studies.eva_optimal", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the overlap through EVA's subset and through the best; a repeat is a network."""
    from sparks.io import save_table
    from sparks_thesis.eva.study_optimal import OptimalStudy

    study = OptimalStudy(**cfg["studies.eva_optimal"], seed=cfg["seed"])
    names = {"dataset": "none", "model": "toy", "method": "EVA", "seed": cfg["seed"]}
    save_table(outputs["table"], study.run().table(**names), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"table": paths.EVA_OPTIMAL},
        snakemake=globals().get("snakemake"),
    )
