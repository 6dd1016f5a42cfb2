"""Measure the accuracy of a trained model, image by image."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("model.classifier", "model.loss", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write whether each test image is classified rightly (1) or not (0)."""
    from harness.loading import harmonized, run_names, trained
    from sparks.artifacts import save_table
    from sparks.data import ImageSet
    from sparks.results import MetricRecorder
    from sparks.training import predict

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
        PARTS,
        inputs={"test": places.TEST, "weights": places.WEIGHTS},
        outputs={"table": places.EVALUATION},
        snakemake=globals().get("snakemake"),
    )
