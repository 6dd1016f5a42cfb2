"""Inputs of figures and tables, and how their text is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparks.io import load_table, write_text
from sparks.results import load_results

# Kinds of artifacts that figures draw as arrays.
ARRAYS = (
    "maps", "walkthrough", "craft_pictures", "eva_maps", "alignment_maps", "lipschitz_maps",
    "snowflakes", "maco_pictures",
)  # fmt: skip
# Kinds of tables that are no results: of trainings, and of the study with people.
OTHERS = ("history", "time", "study")


def load(kind: str, files: Sequence[str]) -> Any:
    """Read the artifacts of one kind.

    "images" gives data set → image set, kinds of arrays (`ARRAYS`) a list of `FigureData`,
    "published" the rows of the papers' tables; every other kind is tables, put into one: most are
    tables of results, and those of `OTHERS` have columns of their own.
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
    if kind in OTHERS:
        return pd.concat([load_table(file) for file in files], ignore_index=True)
    return load_results(files)


def write_caption(path: str, caption: str) -> None:
    """Write a caption for the report, which reads reStructuredText: escape its markup."""
    write_text(path, re.sub(r"([\\*_`|])", r"\\\1", caption) + "\n")
