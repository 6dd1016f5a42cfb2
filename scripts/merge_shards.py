"""Put the maps of all shards of the images into one artifact, a block at a time."""

from typing import TYPE_CHECKING

from sparks_thesis.pipeline import dag, paths
from sparks_thesis.pipeline.job import Config, Paths, main

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from torch import Tensor

CONFIG_KEYS = ("explain.shard",)

# Images in memory at a time.
BLOCK = 256


def run(cfg: Config, inputs: Paths, outputs: Paths) -> None:
    """Write the maps of all images with the classes they explain, and what they cost together."""
    from sparks.io import count_rows, save_rows, save_table

    rows = [count_rows(path, "target") for path in inputs["maps"]]
    save_rows(outputs["maps"], _blocks(inputs["maps"], rows), sum(rows), cfg.provenance())
    save_table(outputs["cost"], _cost(inputs["costs"], rows), cfg.provenance())


def _blocks(files: list[str], rows: list[int]) -> "Iterator[dict[str, Tensor]]":
    from sparks.io import load_tensors

    for path, n in zip(files, rows, strict=True):
        for start in range(0, n, BLOCK):
            yield load_tensors(path, ["maps", "target"], rows=slice(start, start + BLOCK))


def _cost(files: list[str], rows: list[int]) -> "pd.DataFrame":
    """Average over all images what one cost; of memory, what the most demanding shard took."""
    import pandas as pd

    from sparks.results import load_results

    tables = [load_results(path) for path, n in zip(files, rows, strict=True) if n]
    values = pd.concat([table["value"] for table in tables], axis=1)
    mean = (values * [n for n in rows if n]).sum(axis=1) / sum(rows)
    memory = tables[0]["metric"] == "PeakMemory"
    return tables[0].assign(value=mean.where(~memory, values.max(axis=1)))


if __name__ == "__main__":
    main(
        run,
        CONFIG_KEYS,
        inputs=dag.shards,
        outputs={"maps": paths.MAPS, "cost": paths.COST},
        snakemake=globals().get("snakemake"),
    )
