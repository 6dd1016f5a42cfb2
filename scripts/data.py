"""Make the splits of a data set: generate them, or read them from the user's files."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("dataset.name", "dataset.builder", "dataset.download")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the training and the test images, an artifact each."""
    from sparks.errors import SparksError
    from sparks_thesis.pipeline import user_files
    from sparks_thesis.pipeline.factories import build

    splits = build(cfg["dataset.builder"])()
    for split, path in outputs.items():
        if split not in splits:
            raise SparksError(f"{cfg['dataset.name']} has no split {split!r}: {sorted(splits)}")
        images = splits[split]
        # Images that stay files are read by other jobs: these see by this digest that one changed.
        files = user_files.below(images.root or "", images.files or ())
        contents = {"files": user_files.contents_of(files)} if files else {}
        images.save(path, cfg.provenance(**contents))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"train": paths.TRAIN, "test": paths.TEST},
        snakemake=globals().get("snakemake"),
    )
