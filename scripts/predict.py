"""Ask a trained model for the class of every training and test image."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("model.classifier", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the number of each image's class."""
    from harness.loading import trained
    from sparks.artifacts import save_tensors
    from sparks.concepts.classes import Classified
    from sparks.data import ImageSet

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    given = {
        split: Classified.by(model, ImageSet.load(inputs[split])).predicted
        for split in ("train", "test")
    }
    save_tensors(outputs["predicted"], given, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"train": places.TRAIN, "test": places.TEST, "weights": places.WEIGHTS},
        outputs={"predicted": places.PREDICTED},
        snakemake=globals().get("snakemake"),
    )
