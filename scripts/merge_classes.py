"""Put what shards of the classes gave in a study of concepts into one table."""

from sparks_thesis.pipeline import concept_files, paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ("concepts.shard",)


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the rows of all classes, in their order."""
    from sparks.io import save_table
    from sparks.results import load_results

    save_table(outputs["table"], load_results(inputs["tables"]), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        # At the shell: those of CRAFT.
        inputs=lambda config, names: {
            "tables": concept_files.shards_of_classes(config, "craft", names)
        },
        outputs={"table": paths.CRAFT},
        snakemake=globals().get("snakemake"),
    )
