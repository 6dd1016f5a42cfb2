"""Inputs of figures and tables, and how their text is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparks.artifacts import load_table, write_text

# Kinds of artifacts that figures draw as arrays.
ARRAYS = (
    "maps", "walkthrough", "craft_pictures", "eva_maps", "alignment_maps", "lipschitz_maps",
    "snowflakes", "maco_pictures",
)  # fmt: skip


def load(kind: str, files: Sequence[str]) -> Any:
    """Read the artifacts of one kind.

    "images" gives data set → image set, kinds of arrays (`ARRAYS`) a list of `FigureData`,
    "published" the rows of the papers' tables; every other kind is tables, put into one.
    """
    import pandas as pd

    if kind == "images":
        from sparks.data import ImageSet

        return {Path(file).stem: ImageSet.load(file) for file in files}
    if kind in ARRAYS:
        from sparks_thesis.common.figure_data import FigureData

        return [FigureData.load(file) for file in files]
    if kind == "published":
        return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    return pd.concat([load_table(file) for file in files], ignore_index=True)


def write_caption(path: str, caption: str) -> None:
    """Write a caption for the report, which reads reStructuredText: escape its markup."""
    write_text(path, re.sub(r"([\\*_`|])", r"\\\1", caption) + "\n")
