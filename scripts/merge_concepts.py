"""Put the concepts that shards of the classes were fitted in into one folder."""

from harness import grid, places
from harness.job import Config, Paths, main

PARTS = ("concepts.shard",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one file a class, and a table that says how each fit went."""
    from itertools import chain

    from harness.classes import banks_beside
    from sparks.artifacts import save_table
    from sparks.concepts import Banks

    shards = chain.from_iterable(banks_beside(path) for path in inputs["tables"])
    table = Banks.write(outputs["banks"], shards, cfg.provenance())
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        PARTS,
        inputs=grid.concept_shards,
        outputs={"table": places.CONCEPTS, "banks": places.CONCEPT_BANKS},
        snakemake=globals().get("snakemake"),
    )
