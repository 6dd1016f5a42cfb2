"""Measure what a data set's training images have in common: colours and mean spectrum."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ()


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the statistics that pictures of features are made with."""
    from sparks.data import ImageSet
    from sparks.io import save_tensors
    from sparks.visualization import image_statistics

    train = ImageSet.load(inputs["train"])
    found = image_statistics(lambda: (x for x, _ in train.batches(256)))
    save_tensors(outputs["spectrum"], found.tensors(), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"train": paths.TRAIN},
        outputs={"spectrum": paths.SPECTRUM},
        snakemake=globals().get("snakemake"),
    )
