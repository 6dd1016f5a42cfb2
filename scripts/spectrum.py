"""Measure what a data set's training images have in common: colours and mean spectrum."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ()


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the statistics that pictures of features are made with."""
    from sparks.artifacts import save_tensors
    from sparks.data import ImageSet
    from sparks.visualization import image_statistics

    train = ImageSet.load(inputs["train"])
    found = image_statistics(lambda: (x for x, _ in train.batches(256)))
    save_tensors(outputs["spectrum"], found.tensors(), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={"train": places.TRAIN},
        outputs={"spectrum": places.SPECTRUM},
        snakemake=globals().get("snakemake"),
    )
