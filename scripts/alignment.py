"""Measure whether a model looks where people look, and whether it stands on the background."""

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "model.loss", "studies.alignment", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write accuracies, alignment scores and accuracy on revealed features; keep some maps."""
    from sparks.io import save_tensors
    from sparks_thesis.harmonization.study_alignment import AlignmentStudy
    from sparks_thesis.pipeline.artifacts import build_study, load_model, load_splits, write_results
    from sparks_thesis.pipeline.factories import harmonized

    study = build_study(AlignmentStudy, cfg["studies.alignment"], seed=cfg["seed"])
    # `evaluate` measures the accuracy on the first.
    test, *others = load_splits(inputs["splits"]).items()
    numbers, maps = study.run(load_model(cfg, inputs), test[1], dict(others))
    training = harmonized(cfg["model.loss"], cfg.wildcards["model"])
    write_results(cfg, outputs["table"], numbers, **training)
    metadata = cfg.provenance(classes=list(test[1].classes), **training)
    save_tensors(outputs["maps"], maps, metadata)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"splits": dag.test_splits, "weights": paths.WEIGHTS},
        outputs={"table": paths.ALIGNMENT, "maps": paths.ALIGNMENT_MAPS},
        snakemake=globals().get("snakemake"),
    )
