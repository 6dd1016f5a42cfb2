"""One run at a time in a folder, with a lock that dies with its process.

Snakemake's own lock is a file that a killed run leaves behind, and then refuses to go on. This one
is held by the operating system for as long as the run lives.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from sparks.errors import SparksError

_held: list[IO[str]] = []  # open for as long as this process lives


def is_free(path: Path) -> bool:
    """Whether no run holds the lock."""
    if not path.exists():
        return True
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def hold(path: Path) -> None:
    """Take the lock, until this process ends.

    Raises:
        SparksError: when another run holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SparksError(
            f"another run is at work in this folder (it holds {path}): wait for it, or stop it"
        ) from None
    _held.append(file)
