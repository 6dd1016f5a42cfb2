"""Fetch a data set into the data folder; runs where there is a network, on the head node."""

from harness import places
from harness.job import Config, Paths, main

PARTS = ("dataset",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Download, and leave a note that it was done."""
    import json

    from harness.loading import build
    from sparks.artifacts import write_text

    build(cfg["dataset"]["builder"]).download()
    write_text(outputs["note"], json.dumps(cfg.provenance(), indent=2))


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs={},
        outputs={"note": places.DOWNLOAD},
        snakemake=globals().get("snakemake"),
    )
