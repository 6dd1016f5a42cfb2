"""What a run finds of the one before: artifacts that were cut short later, and files half-written.

A job writes whole files or none, but a full disk, a crash of the machine or a careless copy can cut
one short afterwards, and Snakemake, which looks at names and times, takes it for finished. So each
job notes the sizes of what it wrote, and a run starts by looking whether they still hold.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

NOTES = Path(".snakemake/outputs")
ASIDE = Path(".snakemake/damaged")
RESULTS = Path("results")

# Files and folders that are not complete are called .NAME.abcdefgh.SUFFIX, as `tempfile` does.
HALF = re.compile(r"\..+\.[a-z0-9_]{8}(\.\w+)?")
# Snakemake's options that only look: nothing is moved or deleted then.
LOOKS = ("-n", "--dry", "--lint", "--report", "--summary", "--dag", "--rulegraph", "--list")


def wanted(arguments: Iterable[str]) -> bool:
    """Whether a command line of Snakemake's is about to run jobs."""
    return not any(argument.startswith(LOOKS) for argument in arguments)


def note(outputs: Iterable[str]) -> None:
    """Note the sizes of a finished job's files."""
    sizes = {path: Path(path).stat().st_size for path in outputs if Path(path).is_file()}
    if sizes:
        NOTES.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("\n".join(sorted(sizes)).encode()).hexdigest()[:16]
        (NOTES / f"{name}.json").write_text(json.dumps(sizes))


def repair() -> list[str]:
    """Move damaged artifacts aside, so that they are made again; delete half-written files.

    A symbolic link is left alone: it leads into a cache of Snakemake's, which others write too.

    Returns:
        one line for each damaged artifact.
    """
    told = []
    for path, size in _noted().items():
        found = Path(path)
        if found.is_file() and not found.is_symlink() and found.stat().st_size != size:
            there = found.stat().st_size
            (ASIDE / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(found, ASIDE / path)  # results may lie on another disk
            told.append(f"{path} has {there} bytes, not {size}: moved to {ASIDE}, made again")
    for half in sorted(RESULTS.rglob(".*")):
        # A job of a killed run that still writes to one fails, and is started again anyway.
        if not HALF.fullmatch(half.name):
            continue
        if half.is_dir():
            shutil.rmtree(half, ignore_errors=True)
        else:
            half.unlink(missing_ok=True)
    return told


def _noted() -> dict[str, int]:
    """Path → size, of every job's last run."""
    sizes: dict[str, int] = {}
    for file in sorted(NOTES.glob("*.json"), key=lambda file: file.stat().st_mtime_ns):
        try:
            sizes |= json.loads(file.read_text())
        except ValueError:  # itself cut short: it tells nothing
            file.unlink()
    return sizes
