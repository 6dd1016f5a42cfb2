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
    """Write the scores of the concepts of every class, or of the classes of a shard."""
    from sparks_thesis.craft.study import CraftStudy
    from sparks_thesis.pipeline.artifacts import write_results
    from sparks_thesis.pipeline.classes import classes_of_shard, concept_inputs
    from sparks_thesis.pipeline.factories import build, build_as

    study = build_as(CraftStudy, cfg["studies.craft.study"])
    builder = build(cfg["dataset.builder"])
    scenes = builder if hasattr(builder, "render") else None
    part = classes_of_shard(cfg["concepts.shard"], cfg.wildcards.get("shard"))
    given = concept_inputs(cfg, inputs, cfg["studies.craft.layers"])
    write_results(cfg, outputs["table"], study.run(given, scenes, part))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("craft"),
        outputs={"table": paths.CRAFT},
        snakemake=globals().get("snakemake"),
    )
