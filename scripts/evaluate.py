"""Measure the accuracy of a trained model, image by image."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "model.loss", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write whether each test image is classified rightly (1) or not (0)."""
    from sparks.data import ImageSet
    from sparks.io import save_table
    from sparks.results import MetricRecorder
    from sparks.training import predict
    from sparks_thesis.pipeline.factories import harmonized, run_names, trained

    model = trained(cfg["model.classifier"], inputs["weights"], cfg["device"])
    images = ImageSet.load(inputs["test"])
    right = predict(model, images, device=cfg["device"]).argmax(1) == images.labels
    recorder = MetricRecorder()
    recorder.add_images({"Accuracy": right.double()}, split="test")
    names = run_names(cfg.wildcards)
    names |= harmonized(cfg["model.loss"], names["model"])
    save_table(outputs["table"], recorder.table(**names), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"test": paths.TEST, "weights": paths.WEIGHTS},
        outputs={"table": paths.EVALUATION},
        snakemake=globals().get("snakemake"),
    )
