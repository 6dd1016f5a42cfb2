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
    """Write the scores of dictionaries and importances of each class, or of those of a shard."""
    from sparks_thesis.holistic.study import HolisticStudy
    from sparks_thesis.pipeline.artifacts import write_results
    from sparks_thesis.pipeline.classes import classes_of_shard, concept_inputs
    from sparks_thesis.pipeline.factories import build_as

    settings = cfg["studies.holistic"]
    study = build_as(HolisticStudy, settings["study"])
    part = classes_of_shard(cfg["concepts.shard"], cfg.wildcards.get("shard"))
    given = concept_inputs(cfg, inputs, settings["layers"])
    write_results(cfg, outputs["table"], study.run(given, part))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("holistic"),
        outputs={"table": paths.HOLISTIC},
        snakemake=globals().get("snakemake"),
    )
