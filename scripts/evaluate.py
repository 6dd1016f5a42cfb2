"""Measure the accuracy of a trained model, image by image."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "model.loss", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write whether each test image is classified rightly (1) or not (0)."""
    from sparks.data import ImageSet
    from sparks.results import MetricRecorder
    from sparks.training import predict
    from sparks_thesis.pipeline.artifacts import load_model, write_results
    from sparks_thesis.pipeline.factories import harmonized

    images = ImageSet.load(inputs["test"])
    logits = predict(load_model(cfg, inputs), images, device=cfg["device"])
    recorder = MetricRecorder()
    recorder.add_images({"Accuracy": (logits.argmax(1) == images.labels).double()}, split="test")
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
