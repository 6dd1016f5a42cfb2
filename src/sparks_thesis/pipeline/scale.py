"""Results of one scale in a folder: a run at another one would overwrite them, path by path."""

from __future__ import annotations

from pathlib import Path

from sparks.errors import SparksError
from sparks.io import write_text
from sparks_thesis.pipeline import paths

NOTE = Path(paths.SCALE)


def check(scale: str) -> None:
    """Compare a scale with that of the results that are there.

    Raises:
        SparksError: when they are of another scale.
    """
    there = NOTE.read_text().strip() if NOTE.is_file() else scale
    if there != scale:
        raise SparksError(
            f"results/ holds what scale={there} made, and scale={scale} would overwrite it: run in "
            f"another folder (--directory runs/{scale}), or delete results/ first"
        )


def claim(scale: str) -> None:
    """Record the scale of the results of this run.

    Raises:
        SparksError: when existing results have another scale.
    """
    check(scale)
    if not NOTE.is_file():
        write_text(NOTE, f"{scale}\n")
