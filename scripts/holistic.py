"""Compare dictionaries, importance methods and layers; find strategies; steer along concepts."""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "studies.holistic",
    "concepts.shard",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write what was measured of every class, or of those of a shard."""
    from sparks_thesis.holistic.study import HolisticStudy
    from sparks_thesis.pipeline.artifacts import load_model, write_results
    from sparks_thesis.pipeline.classes import classes_of_shard, classified, stored_concepts
    from sparks_thesis.pipeline.factories import build_as, concept_layers

    settings, model = cfg["studies.holistic"], load_model(cfg, inputs)
    study = build_as(HolisticStudy, settings["study"])
    train, test = (classified(inputs, split) for split in ("train", "test"))
    layers = concept_layers(settings["layers"], cfg["model.name"], cfg["model.concept_layer"])
    part = classes_of_shard(cfg["concepts.shard"], cfg.wildcards.get("shard"))
    source = stored_concepts(inputs["concepts"])
    write_results(cfg, outputs["table"], study.run(model, layers, train, test, source, part))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("holistic"),
        outputs={"table": paths.HOLISTIC},
        snakemake=globals().get("snakemake"),
    )
