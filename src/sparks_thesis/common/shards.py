"""Maps and costs of shards of the images, put into one artifact each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from torch import Tensor

from sparks.io import load_tensors

# Images in memory at a time.
BLOCK = 256


def joined_maps(files: Sequence[str], rows: Sequence[int]) -> Iterator[dict[str, Tensor]]:
    """Yield maps and the classes explained, block by block.

    Args:
        files: tensors "maps" (n, H, W) and "target" (n,), a file a shard.
        rows: n of each.
    """
    for path, n in zip(files, rows, strict=True):
        for start in range(0, n, BLOCK):
            yield load_tensors(path, ["maps", "target"], rows=slice(start, start + BLOCK))


def joined_cost(tables: Sequence[pd.DataFrame], rows: Sequence[int]) -> pd.DataFrame:
    """Average the cost of an explanation over all images; of memory, take the largest.

    Args:
        tables: results of each shard, their rows in the same order.
        rows: images of each shard; those of none do not count.
    """
    counted = [table for table, n in zip(tables, rows, strict=True) if n]
    values = pd.concat([table["value"] for table in counted], axis=1)
    mean = (values * [n for n in rows if n]).sum(axis=1) / sum(rows)
    memory = counted[0]["metric"] == "PeakMemory"
    return counted[0].assign(value=mean.where(~memory, values.max(axis=1)))
