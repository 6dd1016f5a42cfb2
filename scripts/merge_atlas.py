"""Put the classes that shards surveyed for Lens into one atlas, class after class."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparks_thesis.lens import ClassAtlas

CONFIG_KEYS = ("concepts.shard", "studies.lens.alike")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one file a class, and the numbers of all of them."""
    from sparks.io import save_table
    from sparks_thesis.lens import write_atlas
    from sparks_thesis.lens.links import SimilarConcepts
    from sparks_thesis.pipeline.classes import banks_beside
    from sparks_thesis.pipeline.factories import build_as, run_names

    classes = _classes(inputs["tables"])
    similar = build_as(SimilarConcepts, cfg["studies.lens.alike"])
    (concepts,) = inputs["concepts"]
    numbers = write_atlas(outputs["atlas"], classes, banks_beside(concepts).load, similar)
    names = cfg.wildcards
    table = numbers.table(**run_names(names))
    save_table(outputs["table"], table, cfg.provenance())


def _classes(files: list[str]) -> "Iterator[ClassAtlas]":
    from pathlib import Path

    from sparks_thesis.lens import Atlas

    for path in files:  # each table lies beside its atlas
        shard = Atlas(Path(path).with_suffix(""), "", "")
        yield from (shard.load(target) for target in shard.names)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.shards_of_atlas,
        outputs={"table": paths.LENS, "atlas": paths.LENS_ATLAS},
        snakemake=globals().get("snakemake"),
    )
