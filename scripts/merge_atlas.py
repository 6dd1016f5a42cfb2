"""Put the classes that shards surveyed for Lens into one atlas, class after class."""

from typing import TYPE_CHECKING

from harness import grid, places
from harness.job import Config, Paths, main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparks_thesis.lens import ClassAtlas

PARTS = ("concepts.shard", "studies.lens.alike")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one file a class, and the numbers of all of them."""
    from harness.classes import banks_beside
    from harness.loading import build_as, run_names
    from sparks.artifacts import save_table
    from sparks_thesis.lens import write_atlas
    from sparks_thesis.lens.links import SimilarConcepts

    classes = _classes(inputs["tables"])
    similar = build_as(SimilarConcepts, cfg["studies.lens.alike"])
    (concepts,) = inputs["concepts"]
    numbers = write_atlas(outputs["atlas"], classes, banks_beside(concepts).load, similar)
    names = cfg.wildcards
    table = numbers.table(**run_names(names))
    save_table(outputs["table"], table, cfg.provenance())


def _classes(paths: list[str]) -> "Iterator[ClassAtlas]":
    from pathlib import Path

    from sparks_thesis.lens import Atlas

    for path in paths:  # each table lies beside its atlas
        shard = Atlas(Path(path).with_suffix(""), "", "")
        yield from (shard.load(target) for target in shard.names)


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs=grid.shards_of_atlas,
        outputs={"table": places.LENS, "atlas": places.LENS_ATLAS},
        snakemake=globals().get("snakemake"),
    )
