"""Make one split of a data set: generate it, or read it from the user's files."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("dataset.name", "dataset.builder", "dataset.download")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the split named by the job as one artifact."""
    from sparks.errors import SparksError
    from sparks_thesis.pipeline import user_files
    from sparks_thesis.pipeline.factories import build

    splits = build(cfg["dataset.builder"])()
    wanted = cfg.wildcards["split"]
    if wanted not in splits:
        raise SparksError(f"{cfg['dataset.name']} has no split {wanted!r}: {sorted(splits)}")
    images = splits[wanted]
    # Images that stay files are read by other jobs: these see by this digest that one has changed.
    files = user_files.below(images.root or "", images.files or ())
    contents = {"files": user_files.contents_of(files)} if files else {}
    images.save(outputs["images"], cfg.provenance(**contents))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"images": paths.DATA},
        snakemake=globals().get("snakemake"),
    )
