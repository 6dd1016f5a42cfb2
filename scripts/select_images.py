"""Choose the test images that are explained: the same number of each class."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("explain.n", "explain.shard", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the chosen images as one artifact: decoded, or as files where jobs take shards."""
    from sparks.data import ImageSet
    from sparks.data.splits import stratified_order

    images = ImageSet.load(inputs["test"])
    chosen = stratified_order(images.labels, cfg["seed"])[: cfg["explain.n"]]
    images = images.subset(chosen)
    if cfg["explain.shard"] is None:
        images = images.materialise()
    images.save(outputs["images"], cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"test": paths.TEST},
        outputs={"images": paths.EXPLAINED},
        snakemake=globals().get("snakemake"),
    )
