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
    from sparks.io import save_table
    from sparks_thesis.holistic.study import HolisticStudy
    from sparks_thesis.pipeline.classes import classes_of_shard, classified, stored_concepts
    from sparks_thesis.pipeline.factories import build_as, concept_layers, run_names, trained

    settings = cfg["studies.holistic"]
    study = build_as(HolisticStudy, settings["study"])
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    train, test = classified(inputs, "train"), classified(inputs, "test")
    layers = concept_layers(settings["layers"], cfg["model.name"], cfg["model.concept_layer"])
    names = cfg.wildcards
    part = classes_of_shard(cfg["concepts.shard"], names.get("shard"))
    source = stored_concepts(inputs["concepts"])
    numbers = study.run(model, layers, train, test, source, part)
    table = numbers.table(**run_names(names))
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.study_of_concepts("holistic"),
        outputs={"table": paths.HOLISTIC},
        snakemake=globals().get("snakemake"),
    )
