"""Compare dictionaries, importance methods and layers; find strategies; steer along concepts."""

from harness import places
from harness.job import Config, Paths, main

PARTS = (
    "model.classifier",
    "model.layer",
    "model.name",
    "studies.holistic",
    "seed",
    "device",
)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write what was measured of every class."""
    from harness.loading import build, concept_layers, trained
    from sparks.artifacts import save_table
    from sparks.data import ImageSet

    settings = cfg["studies.holistic"]
    study = build(settings["study"])
    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    train, test = ImageSet.load(inputs["train"]), ImageSet.load(inputs["test"])
    layers = concept_layers(settings["layers"], cfg["model.name"], cfg["model.layer"])
    names = cfg.wildcards
    numbers = study.run(model, layers, train, test)
    table = numbers.table(names["dataset"], names["model"], int(names["seed"]))
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"train": places.TRAIN, "test": places.TEST, "weights": places.WEIGHTS},
        outputs={"table": places.HOLISTIC},
        snakemake=globals().get("snakemake"),
    )
