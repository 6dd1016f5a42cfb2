"""Fetch a data set into the data folder; runs where there is a network, on the head node."""

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("dataset",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Download, and leave a note that it was done."""
    import json

    from sparks.io import write_text
    from sparks_thesis.pipeline.factories import build

    build(cfg["dataset"]["builder"]).download()
    write_text(outputs["note"], json.dumps(cfg.provenance(), indent=2))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={},
        outputs={"note": paths.DOWNLOAD},
        snakemake=globals().get("snakemake"),
    )
