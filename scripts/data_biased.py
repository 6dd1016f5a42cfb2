"""Make the test images of a data set that keep the shortcut of its training images."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("dataset.builder",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the split as one artifact."""
    from sparks_thesis.pipeline.factories import build

    images = build(cfg["dataset.builder"])()["test_biased"]
    images.save(outputs["images"], cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"images": paths.TEST_BIASED},
        snakemake=globals().get("snakemake"),
    )
