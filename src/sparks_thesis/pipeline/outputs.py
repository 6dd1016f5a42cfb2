"""Inputs of figures and tables, and how their text is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparks.io import load_table, write_text
from sparks.results import load_results

if TYPE_CHECKING:
    from sparks_thesis.pipeline.job import Config

# Kinds of tables that are no results: of trainings, and of the study with people.
OTHERS = ("history", "time", "study")


def draw(cfg: Config, inputs: Mapping[str, Sequence[str]]) -> Any:
    """Draw a figure or make a table; its caption also names the scale, and what data are lossy.

    Args:
        cfg: with the keys item, scale.name, methods and notes.
        inputs: kind → files, see `dag.item_inputs`.

    Returns:
        a `Drawing` or a `Table`.
    """
    from sparks_thesis.common.methods import using
    from sparks_thesis.pipeline.factories import build

    make = build(cfg["item"]["draw"])
    with using(cfg["methods"]):
        loaded = {kind: load(kind, files) for kind, files in inputs.items()}
        made = make(**loaded)
    notes = about_data(cfg["notes"], loaded)
    return replace(made, caption=f"{made.caption}{notes} Scale: {cfg['scale.name']}.")


def load(kind: str, files: Sequence[str]) -> Any:
    """Read the artifacts of one kind.

    "images" gives data set → image set, other files of tensors a list of `FigureData`, "published"
    the rows of the papers' tables; every other kind is tables, put into one: most are tables of
    results, and those of `OTHERS` have columns of their own.
    """
    import pandas as pd

    if kind == "images":
        from sparks.data import ImageSet

        return {Path(file).stem: ImageSet.load(file) for file in files}
    if files[0].endswith(".safetensors"):
        from sparks_thesis.common.figure_data import FigureData

        return [FigureData.load(file) for file in files]
    if kind == "published":
        return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    if kind in OTHERS:
        return pd.concat([load_table(file) for file in files], ignore_index=True)
    return load_results(files)


def about_data(notes: Mapping[str, str], loaded: Mapping[str, Any]) -> str:
    """Return what a caption says of the data sets that an item was drawn from.

    Args:
        notes: data set → sentence, of those of which there is something to be said.
        loaded: kind → what `load` gave; published numbers are of no data set of ours.

    Returns:
        the sentences, each after a space.
    """
    names: set[str] = set()
    for kind, found in loaded.items():
        if kind == "images":
            names |= set(found)
        elif isinstance(found, list):
            names |= {data.dataset for data in found}
        elif kind != "published" and "dataset" in found:
            names |= set(found["dataset"])
    return "".join(f" {note}" for name, note in notes.items() if name in names)


def write_caption(path: str, caption: str) -> None:
    """Write a caption for the report, which reads reStructuredText: escape its markup."""
    write_text(path, re.sub(r"([\\*_`|])", r"\\\1", caption) + "\n")
