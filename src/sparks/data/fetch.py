"""What holds for every download: encrypted, checked, and unpacked nowhere but in its own folder."""

from __future__ import annotations

import hashlib
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import URLError

from sparks.errors import SparksError


class _NoPlainHttp(urllib.request.HTTPHandler):
    """Refuses what is not encrypted: torchvision falls back to it, and servers redirect to it."""

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        raise URLError(f"{req.full_url} is not encrypted: only https is fetched")


@contextmanager
def guarded() -> Iterator[None]:
    """Fetch and unpack in this block: by https only, no member of an archive outside its folder.

    Raises:
        SparksError: where Python is too old to unpack an archive safely.
    """
    if not hasattr(tarfile, "data_filter"):  # torchvision asks for it where it is
        raise SparksError("this Python unpacks archives unguarded: use 3.11.4, 3.12 or newer")
    urllib.request.install_opener(urllib.request.build_opener(_NoPlainHttp))
    try:
        yield
    finally:
        urllib.request.install_opener(None)


def has_digest(path: Path, sha256: str) -> bool:
    """Whether a file is there and its SHA-256 begins with `sha256`, in hexadecimal."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(sha256)
