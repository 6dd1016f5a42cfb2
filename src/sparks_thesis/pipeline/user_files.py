"""Files and folders of the user's that a job's configuration names: data, texts, checkpoints.

They are no outputs of any job, and may be a million files, so they are no inputs of Snakemake's.
Names, sizes and times are a cheap trigger (`listing`, part of a job's parameters). A digest of the
contents that a job read stands in the provenance of its artifacts (`contents`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from sparks.errors import SparksError

# A folder with more files is not edited by hand: of the others, names count and no sizes and times.
MOST = 100_000


def paths_of(parts: Mapping[str, Any]) -> list[str]:
    """List the files and folders that a job's part of the configuration names.

    The job that reads a data set's files has `dataset.download` among its parts, false where they
    are the user's. Other jobs with a part of a data set get its images as an artifact.
    """
    reads = parts.get("dataset.download") is False
    own = (value for key, value in parts.items() if reads or not key.startswith("dataset."))
    return sorted({path for value in own for path in named_in(value)})


def named_in(config: Any, key: str = "") -> Iterator[str]:
    """Yield every path inside nested dicts and lists that leads to a file or folder.

    A folder counts under a key `root` or with a separator in its name, so that a word which happens
    to be a folder's name does not. Data sets that the workflow downloads itself are left out.
    """
    if isinstance(config, dict):
        if config.get("download") is not True:
            for name, value in config.items():
                yield from named_in(value, str(name))
    elif isinstance(config, list):
        for value in config:
            yield from named_in(value, key)
    elif isinstance(config, str) and config and "\0" not in config and len(config) < 4096:
        path = os.path.expanduser(config)
        folder = os.path.isdir(path) and (key == "root" or os.sep in config.rstrip(os.sep))
        if folder or os.path.isfile(path):
            yield config


@cache
def listing(path: str) -> str:
    """Digest names, sizes and times of a file, or of all files below a folder (16 hex digits).

    Hidden files are left out. Read once in a process.
    """
    made = hashlib.sha256()
    for number, (name, file) in enumerate(_files(path)):
        made.update(name + b"\0")
        if number < MOST:
            with suppress(OSError):  # gone while the folder was read
                status = os.stat(file)
                made.update(b"%d %d\0" % (status.st_size, status.st_mtime_ns))
    return made.hexdigest()[:16]


@cache
def contents(path: str) -> str:
    """Digest names and contents of a file, or of all files below a folder (16 hex digits).

    What cannot be read is known by its name: whether it matters is for the job to say.
    """
    readable = (
        (name, file if os.access(file, os.R_OK) else os.devnull) for name, file in _files(path)
    )
    return contents_of(readable)


def contents_of(files: Iterable[tuple[bytes, bytes | str]]) -> str:
    """Digest names and contents of files.

    Args:
        files: name, as it is to count, and path of each.

    Raises:
        SparksError: when one cannot be read.
    """
    made = hashlib.sha256()
    for name, file in files:
        try:
            with open(file, "rb") as opened:
                each = hashlib.file_digest(opened, "sha256")
        except OSError as error:
            raise SparksError(
                f"{os.fsdecode(file)} cannot be read ({error.strerror}): mend it, or take it out"
            ) from None
        made.update(name + b"\0" + each.digest())
    return made.hexdigest()[:16]


def below(root: str | Path, names: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """Pair names below a folder with their paths."""
    start = os.fsencode(root)
    return [(os.fsencode(name), os.path.join(start, os.fsencode(name))) for name in names]


def _files(path: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield name below `path` and path of every file, in the order of names as bytes."""
    start = os.fsencode(os.path.expanduser(path))
    if os.path.isfile(start):
        yield b"", start
    elif os.path.isdir(start):
        yield from _walk(start, b"", ())


def _walk(folder: bytes, name: bytes, above: tuple[str, ...]) -> Iterator[tuple[bytes, bytes]]:
    real = os.path.realpath(os.fsdecode(folder))
    if real in above:  # a link to a folder that it lies in
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError:
        return
    for entry in entries:
        if entry.name.startswith(b"."):
            continue
        inner = name + entry.name
        if entry.is_dir():
            yield from _walk(entry.path, inner + b"/", (*above, real))
        elif entry.is_file():  # no broken links
            yield inner, entry.path
