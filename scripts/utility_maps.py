"""Explain the images of a Utility study by every method, and measure what needs no people."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "studies.utility.classes",
    "studies.utility.pool",
    "studies.utility.controls",
    "studies.utility.oracles",
    "studies.utility.explainers",
    "studies.utility.deletion",
    "studies.utility.complexity",
    "studies.utility.similarity",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the chosen images with maps and the model's decisions, and proxies for every map."""
    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks_thesis.pipeline.artifacts import (
        build_study,
        load_model,
        settings_below,
        write_results,
    )
    from sparks_thesis.pipeline.factories import build_methods
    from sparks_thesis.utility.study import UtilityStudy

    settings = settings_below(cfg, "studies.utility")
    (control,) = build_methods(settings["controls"]).values()
    study = build_study(UtilityStudy, settings, control=control, seed=cfg["seed"])
    model, test = load_model(cfg, inputs), ImageSet.load(inputs["test"])
    numbers, kept = study.run(cfg.wildcards["dataset"], model, test)
    save_tensors(outputs["maps"], kept, cfg.provenance())
    write_results(cfg, outputs["table"], numbers)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"test": paths.TEST, "weights": paths.WEIGHTS},
        outputs={"maps": paths.UTILITY_MAPS, "table": paths.UTILITY_PROXIES},
        snakemake=globals().get("snakemake"),
    )
