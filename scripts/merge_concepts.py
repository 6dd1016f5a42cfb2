"""Put the concepts that shards of the classes were fitted in into one folder."""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("concepts.shard",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one file a class, and a table that says how each fit went."""
    from itertools import chain

    from sparks.concepts import Banks
    from sparks.io import save_table
    from sparks_thesis.pipeline.classes import banks_beside

    shards = chain.from_iterable(banks_beside(path) for path in inputs["tables"])
    table = Banks.write(outputs["banks"], shards, cfg.provenance())
    save_table(outputs["table"], table, cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.concept_shards,
        outputs={"table": paths.CONCEPTS, "banks": paths.CONCEPT_BANKS},
        snakemake=globals().get("snakemake"),
    )
