"""Make one split of a data set: generate it, or read it from the user's files."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("dataset.name", "dataset.builder", "dataset.download")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the split named by the job as one artifact."""
    from harness import brought
    from harness.loading import build
    from sparks.errors import SparksError

    splits = build(cfg["dataset.builder"])()
    wanted = cfg.wildcards["split"]
    if wanted not in splits:
        raise SparksError(f"{cfg['dataset.name']} has no split {wanted!r}: {sorted(splits)}")
    images = splits[wanted]
    # Images that stay files are read by other jobs: these see by this digest that one has changed.
    files = brought.below(images.root or "", images.files or ())
    contents = {"files": brought.contents_of(files)} if files else {}
    images.save(outputs["images"], cfg.provenance(**contents))


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={},
        outputs={"images": places.DATA},
        snakemake=globals().get("snakemake"),
    )
