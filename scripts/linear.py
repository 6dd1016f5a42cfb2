"""Test whether a part is a direction in activations, on images that can be painted without it."""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "dataset.builder",
    "studies.linear",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write what was measured of every part and layer."""
    from sparks_thesis.pipeline.artifacts import write_results
    from sparks_thesis.pipeline.classes import concept_inputs
    from sparks_thesis.pipeline.factories import build, build_as
    from sparks_thesis.steering.linear import LinearStudy

    settings = cfg["studies.linear"]
    study = build_as(LinearStudy, settings["study"])
    given = concept_inputs(cfg, inputs, settings["layers"])
    write_results(cfg, outputs["table"], study.run(given, build(cfg["dataset.builder"])))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("linear"),
        outputs={"table": paths.LINEAR},
        snakemake=globals().get("snakemake"),
    )
