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
    from sparks_thesis.pipeline.artifacts import load_model, write_results
    from sparks_thesis.pipeline.classes import classified, stored_concepts
    from sparks_thesis.pipeline.factories import build, build_as, concept_layers
    from sparks_thesis.steering.linear import LinearStudy

    settings, model = cfg["studies.linear"], load_model(cfg, inputs)
    study = build_as(LinearStudy, settings["study"])
    layers = concept_layers(settings["layers"], cfg["model.name"], cfg["model.concept_layer"])
    train, test = (classified(inputs, split) for split in ("train", "test"))
    source, scenes = stored_concepts(inputs["concepts"]), build(cfg["dataset.builder"])
    write_results(cfg, outputs["table"], study.run(model, layers, train, test, source, scenes))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("linear"),
        outputs={"table": paths.LINEAR},
        snakemake=globals().get("snakemake"),
    )
