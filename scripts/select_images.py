"""Choose the test images that are explained: the same number of each class, decoded."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("explain.n", "seed")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the chosen images as one artifact."""
    from sparks.data import ImageSet
    from sparks.data.splits import stratified_order

    images = ImageSet.load(inputs["test"])
    chosen = stratified_order(images.labels, cfg["seed"])[: cfg["explain.n"]]
    images.subset(chosen).materialise().save(outputs["images"], cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"test": places.TEST},
        outputs={"images": places.EXPLAINED},
        snakemake=globals().get("snakemake"),
    )
