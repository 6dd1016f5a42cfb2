"""Notes beside results: their scale, which no other may overwrite, and the user's overrides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from sparks.errors import SparksError
from sparks.io import write_text
from sparks_thesis.pipeline import paths

NOTE = Path(paths.SCALE)
# Overrides that say which results are made, and not how.
CHOICES = ("scale=", "experiment=")


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


def note_overrides(overrides: Sequence[str], experiments: Iterable[str]) -> None:
    """Record the overrides that these experiments are run with, but for those of `CHOICES`."""
    kept = [one for one in overrides if not one.startswith(CHOICES)]
    noted = overrides_of(Path()) | dict.fromkeys(experiments, kept)
    write_text(paths.OVERRIDES, json.dumps(noted, indent=1, sort_keys=True) + "\n")


def overrides_of(folder: Path) -> dict[str, list[str]]:
    """Return experiment → overrides of the runs that were made in a folder."""
    note = folder / paths.OVERRIDES
    return json.loads(note.read_text()) if note.is_file() else {}
