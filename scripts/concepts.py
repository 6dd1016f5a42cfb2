"""Fit the concepts of every class at one layer of a model: what all chapters on concepts read."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "bank.extractor", "concepts.shard", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one file a class, of all or of a shard, and a table that says how each fit went."""
    from sparks.concepts import Banks, Extractor, Layer
    from sparks.io import load_tensors, save_table
    from sparks_thesis.pipeline.artifacts import load_model
    from sparks_thesis.pipeline.classes import classes_of_shard, classified
    from sparks_thesis.pipeline.factories import build_as

    extractor = build_as(Extractor, cfg["bank.extractor"])
    names, train = cfg.wildcards, classified(inputs, "train")
    test = load_tensors(inputs["predicted"], ["test"])["test"]
    layer = Layer(load_model(cfg, inputs), names["layer"], train.images.batch([0]))
    part = classes_of_shard(cfg["concepts.shard"], names.get("shard"))
    banks = extractor.fit_classes(layer, train, test, part)
    table = Banks.write(outputs["banks"], banks, cfg.provenance())
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={
            "train": paths.TRAIN,
            "predicted": paths.PREDICTED,
            "weights": paths.WEIGHTS,
        },
        outputs={"table": paths.CONCEPTS, "banks": paths.CONCEPT_BANKS},
        snakemake=globals().get("snakemake"),
    )
