"""Measure the accuracy of a model, image by image, and that of the most frequent class."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("model.classifier", "model.loss", "model.weights", "seed", "device")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write which images are classified rightly (1), and which are of the most frequent class.

    Of test images, and of some that the network was trained on: if it was, here.
    """
    from sparks.data import ImageSet
    from sparks.results import MetricRecorder
    from sparks_thesis.common.learnt import right, sample
    from sparks_thesis.pipeline.artifacts import load_model, write_results
    from sparks_thesis.pipeline.factories import harmonized

    model, recorder = load_model(cfg, inputs), MetricRecorder()
    recorder.add_images(right(model, ImageSet.load(inputs["test"]), cfg["device"]), split="test")
    if cfg["model.weights"] is None:
        learnt = sample(ImageSet.load(inputs["train"]))
        recorder.add_images(right(model, learnt, cfg["device"]), split="train")
    training = harmonized(cfg["model.loss"], cfg.wildcards["model"])
    write_results(cfg, outputs["table"], recorder, **training)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN, "test": paths.TEST, "weights": paths.WEIGHTS},
        outputs={"table": paths.EVALUATION},
        snakemake=globals().get("snakemake"),
    )
