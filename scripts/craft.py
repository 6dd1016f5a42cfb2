"""Rank the concepts of every class, and compare them with the parts that decide."""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = (
    "model.classifier",
    "model.concept_layer",
    "model.name",
    "dataset.builder",
    "studies.craft.study",
    "studies.craft.layers",
    "concepts.shard",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write what was measured of every class, or of those of a shard."""
    from sparks_thesis.craft.study import CraftStudy
    from sparks_thesis.pipeline.artifacts import load_model, write_results
    from sparks_thesis.pipeline.classes import classes_of_shard, classified, stored_concepts
    from sparks_thesis.pipeline.factories import build, build_as, concept_layers

    study = build_as(CraftStudy, cfg["studies.craft.study"])
    known, model = cfg["studies.craft.layers"], load_model(cfg, inputs)
    layers = concept_layers(known, cfg["model.name"], cfg["model.concept_layer"])
    builder = build(cfg["dataset.builder"])
    train, test = (classified(inputs, split) for split in ("train", "test"))
    part = classes_of_shard(cfg["concepts.shard"], cfg.wildcards.get("shard"))
    scenes = builder if hasattr(builder, "render") else None
    source = stored_concepts(inputs["concepts"])
    numbers = study.run(model, layers, train, test, source, scenes, part)
    write_results(cfg, outputs["table"], numbers)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("craft"),
        outputs={"table": paths.CRAFT},
        snakemake=globals().get("snakemake"),
    )
