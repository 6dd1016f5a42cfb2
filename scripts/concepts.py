"""Fit the concepts of every class at one layer of a model: what all chapters on concepts read."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("model.classifier", "bank.extractor", "concepts.shard", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one file a class, of all or of a shard, and a table that says how each fit went."""
    from harness.classes import classes_of_shard, classified
    from harness.loading import build_as, trained
    from sparks.artifacts import load_tensors, save_table
    from sparks.concepts import Banks, Extractor, Layer

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    extractor = build_as(Extractor, cfg["bank.extractor"])
    names, train = cfg.wildcards, classified(inputs, "train")
    test = load_tensors(inputs["predicted"], ["test"])["test"]
    layer = Layer(model, names["layer"], train.images.batch([0]))
    part = classes_of_shard(cfg["concepts.shard"], names.get("shard"))
    banks = extractor.fit_classes(layer, train, test, part)
    table = Banks.write(outputs["banks"], banks, cfg.provenance())
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={
            "train": places.TRAIN,
            "predicted": places.PREDICTED,
            "weights": places.WEIGHTS,
        },
        outputs={"table": places.CONCEPTS, "banks": places.CONCEPT_BANKS},
        snakemake=globals().get("snakemake"),
    )
