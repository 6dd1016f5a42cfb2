"""Measure the accuracy of a trained model, image by image, and that of the most frequent class."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "model.loss", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write which test images are classified rightly (1), and which are of the commonest class."""
    from sparks.data import ImageSet
    from sparks.results import MetricRecorder
    from sparks.training import predict
    from sparks_thesis.common.learnt import MAJORITY, RIGHT
    from sparks_thesis.pipeline.artifacts import load_model, write_results
    from sparks_thesis.pipeline.factories import harmonized

    images = ImageSet.load(inputs["test"])
    logits = predict(load_model(cfg, inputs), images, device=cfg["device"])
    recorder = MetricRecorder()
    labels = images.labels
    right = {RIGHT: logits.argmax(1) == labels, MAJORITY: labels == labels.mode().values}
    recorder.add_images({name: is_so.double() for name, is_so in right.items()}, split="test")
    training = harmonized(cfg["model.loss"], cfg.wildcards["model"])
    write_results(cfg, outputs["table"], recorder, **training)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"test": paths.TEST, "weights": paths.WEIGHTS},
        outputs={"table": paths.EVALUATION},
        snakemake=globals().get("snakemake"),
    )
