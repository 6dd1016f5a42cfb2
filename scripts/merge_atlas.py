"""Put the classes that shards surveyed for Lens into one atlas, class after class."""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("concepts.shard", "studies.lens.alike")


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write one file a class, and the numbers of all of them."""
    from itertools import chain

    from sparks_thesis.lens import Atlas, write_atlas
    from sparks_thesis.lens.links import SimilarConcepts
    from sparks_thesis.pipeline.artifacts import write_results
    from sparks_thesis.pipeline.classes import banks_beside
    from sparks_thesis.pipeline.factories import build_as

    classes = chain.from_iterable(map(Atlas.beside, inputs["tables"]))
    similar = build_as(SimilarConcepts, cfg["studies.lens.alike"])
    (concepts,) = inputs["concepts"]
    numbers = write_atlas(outputs["atlas"], classes, banks_beside(concepts).load, similar)
    write_results(cfg, outputs["table"], numbers)


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=concept_files.shards_of_atlas,
        outputs={"table": paths.LENS, "atlas": paths.LENS_ATLAS},
        snakemake=globals().get("snakemake"),
    )
