"""Estimate the total indices of images by every sequence and estimator, and compare them."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "studies.samplers", "explain.target", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write agreement with a large reference, and with the default, of every image."""
    from sparks.attribution import Sobol
    from sparks_thesis.pipeline.artifacts import build_study, load_explained, write_results
    from sparks_thesis.pipeline.factories import build_methods, of_kind
    from sparks_thesis.sobol.study_samplers import SamplersStudy

    settings = cfg["studies.samplers"]
    method = of_kind(Sobol, *build_methods(settings["explainers"]).values())
    study = build_study(SamplersStudy, settings, method=method, seed=cfg["seed"])
    numbers = study.run(*load_explained(cfg, inputs, study.images))
    write_results(cfg, outputs["table"], numbers)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"images": paths.EXPLAINED, "weights": paths.WEIGHTS},
        outputs={"table": paths.SAMPLERS},
        snakemake=globals().get("snakemake"),
    )
