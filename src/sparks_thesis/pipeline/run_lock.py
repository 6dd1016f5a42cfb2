"""One run at a time in a folder, with locks that die with the processes that hold them.

Snakemake's own lock is a file that a killed run leaves behind, and then refuses to go on. Here a
run holds a lock of the operating system's for as long as it lives, and so does each of its jobs:
when Snakemake is killed (-9) its jobs stay at work, and the next run must not start beside them.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sparks.errors import SparksError

# Of the folder that a run works in.
RUN = Path(".snakemake/run.lock")
JOBS = Path(".snakemake/jobs.lock")

_held: list[IO[str]] = []  # open for as long as this process lives


def hold(path: Path = RUN) -> None:
    """Take the lock of a run, until this process ends.

    Raises:
        SparksError: when another run holds it.
    """
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SparksError(
            f"another run is at work in this folder (it holds {path}{_named(path)}): wait for it, "
            "or stop it"
        ) from None
    _held.append(file)


def share(path: Path = JOBS) -> None:
    """Hold the lock of jobs and scripts together with others, until this process ends.

    Where the file system has no locks, a job works without.
    """
    try:
        file = _open(path)
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError:
        return
    _held.append(file)


def wait_for_jobs(say: Callable[[str], None], path: Path = JOBS, every: float = 1) -> None:
    """Wait until no job of an earlier run is at work; `say` once which ones are."""
    asked = False
    with _open(path) as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not asked:
                    say(
                        "jobs of a run that was killed, or scripts, are still at work in this "
                        f"folder{_named(path)}: waiting until they have ended or you stop them"
                    )
                asked = True
                time.sleep(every)
            except OSError:
                return  # a file system without locks
            else:
                return


def holders(path: Path) -> list[int]:
    """List the processes of this machine that hold a lock of a file, as Linux knows them."""
    table = Path("/proc/locks")
    if not table.is_file() or not path.exists():
        return []
    inode = str(path.stat().st_ino)
    rows = (line.split() for line in table.read_text().splitlines())
    return sorted({int(r[4]) for r in rows if r[1] == "FLOCK" and r[5].split(":")[-1] == inode})


def _named(path: Path) -> str:
    pids = " ".join(map(str, holders(path)))
    return f", process {pids}" if pids else ""


def _open(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a")
