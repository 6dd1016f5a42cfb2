"""Detection of artifacts damaged since the last run: cut short later, or half-written.

A job writes whole files or none, but a full disk, a crash of the machine or a careless copy can cut
one short afterwards, and Snakemake, which looks at names and times, takes it for finished. So each
job notes the sizes of its files. The number of times that they have differed is part of the
job's parameters, so that Snakemake itself runs the job again: planning looks, and changes nothing.
Contents are another matter: artifacts hold their own digests (`sparks.io`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sparks.io import write_text

NOTES = Path(".snakemake/outputs")
RESULTS = Path("results")

# Files and folders that are not complete are called .NAME.abcdefgh.SUFFIX, as `tempfile` does.
HALF = re.compile(r"\..+\.[a-z0-9_]{8}(\.\w+)?")


def note(rule: str, wildcards: Mapping[str, str], outputs: Iterable[str], damaged: int) -> None:
    """Note the sizes of a finished job's files, and how often they were damaged before."""
    sizes = {path: Path(path).stat().st_size for path in outputs if Path(path).is_file()}
    if sizes:
        _write(_place(rule, wildcards), sizes, damaged)


def damage(rule: str, wildcards: Mapping[str, str]) -> tuple[int, list[str]]:
    """Return how often a job's files were damaged, and a line for each that is damaged now."""
    place = _place(rule, wildcards)
    if not os.path.isfile(place):
        return 0, []
    noted = _read(place)
    lines = _damaged(noted["sizes"])
    return noted["damaged"] + bool(lines), lines


def acknowledge() -> None:
    """Count the damage of every job, so that it stays counted when its files are removed."""
    for file in sorted(NOTES.glob("*.json")):
        noted = _read(file)
        if _damaged(noted["sizes"]):
            _write(file, {}, noted["damaged"] + 1)


def remove_half_written() -> None:
    """Delete what jobs that were killed left half-written. No job may be at work."""
    for half in sorted(RESULTS.rglob(".*")):
        if not HALF.fullmatch(half.name):
            continue
        if half.is_dir():
            shutil.rmtree(half, ignore_errors=True)
        else:
            half.unlink(missing_ok=True)


def _damaged(sizes: Mapping[str, int]) -> list[str]:
    """Say which files have another size. Links are left alone: they lead into a shared cache."""
    files = ((path, size, Path(path)) for path, size in sizes.items())
    return [
        f"{path} has {file.stat().st_size} bytes, not the {size} that were written: made again"
        for path, size, file in files
        if file.is_file() and not file.is_symlink() and file.stat().st_size != size
    ]


def _place(rule: str, wildcards: Mapping[str, str]) -> Path:
    names = json.dumps(sorted(wildcards.items()))
    return NOTES / f"{rule}-{hashlib.sha256(names.encode()).hexdigest()[:16]}.json"


def _write(file: Path, sizes: Mapping[str, int], damaged: int) -> None:
    write_text(file, json.dumps({"sizes": sizes, "damaged": damaged}))


def _read(file: Path) -> dict[str, Any]:
    """Read a note; one that is missing, or not a whole note, says nothing."""
    try:
        noted = json.loads(file.read_text())
        return {"sizes": dict(noted["sizes"]), "damaged": int(noted["damaged"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"sizes": {}, "damaged": 0}
