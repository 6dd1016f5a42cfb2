"""What figures and tables read, and the formats they are written in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparks.artifacts import atomic, load_table, load_tensors, tensor_provenance

if TYPE_CHECKING:
    from sparks.figures.gallery import Explained
    from sparks.figures.style import Drawing
    from sparks.tables.table import Table


def load(kind: str, files: Sequence[str]) -> Any:
    """Read the artifacts of one kind.

    "images" gives data set → image set, "maps" a list of explanations, "published" the rows of the
    papers' tables; every other kind is tables, put into one.
    """
    import pandas as pd

    if kind == "images":
        from sparks.data import ImageSet

        return {Path(file).stem: ImageSet.load(file) for file in files}
    if kind == "maps":
        return [_explained(file) for file in files]
    if kind == "published":
        return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    return pd.concat([load_table(file) for file in files], ignore_index=True)


def _explained(file: str) -> Explained:
    from sparks.figures.gallery import Explained

    made = tensor_provenance(file)
    job, label = made["job"], made["config"]["attribution"]["label"]
    return Explained(job["dataset"], job["model"], label, **load_tensors(file, ["maps", "target"]))


def write_figure(drawing: Drawing, scale: str, outputs: Mapping[str, str]) -> None:
    """Write a figure as PDF and PNG, and its caption."""
    from sparks.figures.style import save

    for suffix in ("pdf", "png"):
        save(drawing.figure, outputs[suffix])
    _write(outputs["caption"], _plain_rst(f"{drawing.caption} {scale}\n"))


def write_table(table: Table, title: str, scale: str, outputs: Mapping[str, str]) -> None:
    """Write a table as CSV, Markdown, LaTeX and HTML, and its caption."""
    from dataclasses import replace

    told = replace(table, caption=f"{table.caption} {scale}")
    _write(outputs["csv"], told.csv())
    _write(outputs["md"], told.markdown())
    _write(outputs["tex"], told.latex())
    _write(outputs["html"], told.html(title))
    _write(outputs["caption"], _plain_rst(f"{told.caption}\n"))


def _plain_rst(text: str) -> str:
    """Escape what reStructuredText, which the report reads, would take for markup."""
    return re.sub(r"([\\*_`|])", r"\\\1", text)


def _write(path: str, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text)
