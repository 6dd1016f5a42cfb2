"""What holds for every download: encrypted, checked, and unpacked nowhere but in its own folder."""

from __future__ import annotations

import hashlib
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import URLError

from sparks.errors import SparksError


class _NoPlainHttp(urllib.request.HTTPHandler):
    """Refuses what is not encrypted: torchvision falls back to it, and servers redirect to it."""

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        raise URLError(f"{req.full_url} is not encrypted: only https is fetched")


@contextmanager
def guarded() -> Iterator[None]:
    """Fetch and unpack in this block: by https only, no member of an archive outside its folder."""
    urllib.request.install_opener(urllib.request.build_opener(_NoPlainHttp))
    unpack = tarfile.TarFile.extractall
    if not hasattr(tarfile, "data_filter"):  # before Python 3.11.4; torchvision asks for it
        tarfile.TarFile.extractall = _checked(unpack)  # type: ignore[method-assign]
    try:
        yield
    finally:
        urllib.request.install_opener(None)
        tarfile.TarFile.extractall = unpack  # type: ignore[method-assign]


def _checked(unpack: Callable[..., None]) -> Callable[..., None]:
    """Unpack an archive after a look at all its members."""

    def checked(archive: tarfile.TarFile, path: str | Path = ".", *args: Any, **more: Any) -> None:
        root = Path(path).resolve()
        for member in archive.getmembers():
            place = (root / member.name).resolve()
            target = place
            if member.issym():
                target = (place.parent / member.linkname).resolve()
            elif member.islnk():
                target = (root / member.linkname).resolve()
            outside = not (place.is_relative_to(root) and target.is_relative_to(root))
            if outside or not (
                member.isfile() or member.isdir() or member.issym() or member.islnk()
            ):
                raise SparksError(
                    f"{archive.name!r} would unpack {member.name} outside its folder, or as no "
                    "file: do not trust it"
                )
        unpack(archive, path, *args, **more)

    return checked


def has_digest(path: Path, sha256: str) -> bool:
    """Whether a file is there and its SHA-256 begins with `sha256`, in hexadecimal."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(sha256)
