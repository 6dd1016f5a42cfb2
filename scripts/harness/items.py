"""Inputs of figures and tables, and how their text is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparks.artifacts import atomic, load_table, load_tensors, tensor_provenance

if TYPE_CHECKING:
    from sparks_thesis.common.explained import Explained
    from sparks_thesis.common.kept import Kept
    from sparks_thesis.common.shown import Shown
    from sparks_thesis.sobol.figure_walkthrough import Steps


def load(kind: str, files: Sequence[str]) -> Any:
    """Read the artifacts of one kind.

    "images" gives data set → image set, "maps" a list of explanations, "walkthrough" one
    of the steps of single explanations, kinds of arrays a list of `Kept`, "published" the rows
    of the papers' tables; every other kind is tables, put into one.
    """
    import pandas as pd

    if kind == "images":
        from sparks.data import ImageSet

        return {Path(file).stem: ImageSet.load(file) for file in files}
    if kind == "maps":
        return [_explained(file) for file in files]
    if kind in ("eva_maps", "alignment_maps", "lipschitz_maps", "snowflakes", "maco_pictures"):
        return [_kept(file) for file in files]
    if kind == "walkthrough":
        return [_steps(file) for file in files]
    if kind == "craft_pictures":
        return [_pictures(file) for file in files]
    if kind == "published":
        return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    return pd.concat([load_table(file) for file in files], ignore_index=True)


def _explained(file: str) -> Explained:
    from sparks_thesis.common.explained import Explained

    made = tensor_provenance(file)
    job, label = made["job"], made["config"]["attribution"]["label"]
    return Explained(job["dataset"], job["model"], label, **load_tensors(file, ["maps", "target"]))


def _kept(file: str) -> Kept:
    from sparks_thesis.common.kept import Kept

    made = tensor_provenance(file)
    arrays = {name: tensor.numpy() for name, tensor in load_tensors(file).items()}
    job = made["job"]
    return Kept(job.get("dataset", ""), job.get("model", ""), int(job.get("seed", 0)), made, arrays)


def _pictures(file: str) -> Shown:
    from sparks_thesis.common.shown import Shown

    made = tensor_provenance(file)
    arrays = {name: tensor.numpy() for name, tensor in load_tensors(file).items()}
    return Shown(made["job"]["dataset"], made["job"]["model"], made["told"], arrays)


def _steps(file: str) -> Steps:
    from sparks_thesis.sobol.figure_walkthrough import Steps

    made = tensor_provenance(file)
    arrays = {name: tensor.numpy() for name, tensor in load_tensors(file).items()}
    job = made["job"]
    return Steps(job["dataset"], job["model"], made["explained"], arrays, made.get("credit", ""))


def write_text(path: str, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, "utf-8")


def write_caption(path: str, caption: str) -> None:
    """Write a caption for the report, which reads reStructuredText: escape its markup."""
    write_text(path, re.sub(r"([\\*_`|])", r"\\\1", caption) + "\n")
