"""Ask a trained model for the class of every training and test image."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the number of each image's class."""
    from sparks.concepts.classes import Classified
    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks_thesis.pipeline.artifacts import load_model

    model = load_model(cfg, inputs)
    given = {
        split: Classified.by(model, ImageSet.load(inputs[split])).predicted
        for split in ("train", "test")
    }
    save_tensors(outputs["predicted"], given, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN, "test": paths.TEST, "weights": paths.WEIGHTS},
        outputs={"predicted": paths.PREDICTED},
        snakemake=globals().get("snakemake"),
    )
