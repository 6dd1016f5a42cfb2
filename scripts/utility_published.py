"""Recompute Utility, statistics and correlations from what the paper prints."""

from pathlib import Path

from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.job import Config, Paths, main

CONFIG_KEYS = ()


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write what is printed and what follows from it."""
    import pandas as pd

    from sparks.io import save_table
    from sparks_thesis.utility.published import recomputed

    printed = {Path(path).stem.rpartition("_")[2]: pd.read_csv(path) for path in inputs["printed"]}
    save_table(outputs["table"], recomputed(printed), cfg.provenance())


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs={"printed": lambda *_: paths.utility_printed()},
        outputs={"table": paths.UTILITY_PUBLISHED},
        snakemake=globals().get("snakemake"),
    )
