"""Download of published files: over https only, verified by digest, and put in place whole.

A file or folder appears under its name when it is complete. What was cut in the middle lies under a
hidden name, which the next try replaces.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse

from sparks.errors import SparksError
from sparks.progress import progress

TIMEOUT = 30  # seconds without an answer
_CHUNK = 2**20
# Errors that damaged archives raise.
_DAMAGED = (
    *(EOFError, gzip.BadGzipFile, lzma.LZMAError, tarfile.ReadError, zipfile.BadZipFile),
    zlib.error,
)
_USER_AGENT = {"User-Agent": "sparks"}  # some servers refuse Python's own


@dataclass(frozen=True)
class Published:
    """A published file.

    Attributes:
        url: where it is fetched from.
        path: where it belongs.
        digest: the beginning of its digest in hexadecimal; empty where none is published.
        algorithm: of the digest: "sha256" or "md5".
    """

    url: str
    path: Path
    digest: str = ""
    algorithm: str = "sha256"

    def is_there(self) -> bool:
        """Return whether the file exists.

        Raises:
            SparksError: when what is there is another file, or a part of it.
        """
        if not self.path.is_file():
            return False
        if not self.path.stat().st_size or not has_digest(self.path, self.digest, self.algorithm):
            kind = {"sha256": "SHA-256", "md5": "MD5"}[self.algorithm]
            raise SparksError(
                f"{self.path} is not the published file, or only a part of it (its {kind} does not "
                f"begin with {self.digest}): replace it by {self.url}, or move it away"
            )
        return True

    def fetch(self) -> Path:
        """Fetch the file unless it is there; return its path.

        Raises:
            SparksError: when it cannot be fetched, or another file comes or is there.
        """
        if self.is_there():
            return self.path
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with guarded():
                self._write(part)
            if not has_digest(part, self.digest, self.algorithm):
                raise SparksError(
                    f"what {self.url} sends is not the published file (its {self.algorithm} does "
                    f"not begin with {self.digest}): try again, or put the file at {self.path}"
                )
            os.replace(part, self.path)
        except (OSError, HTTPException) as error:
            raise SparksError(
                f"{self.url} cannot be downloaded ({_reason(error)}): check the network, or put "
                f"the file at {self.path}"
            ) from error
        finally:
            part.unlink(missing_ok=True)
        return self.path

    def _write(self, path: Path) -> None:
        request = urllib.request.Request(self.url, headers=_USER_AGENT)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, path.open("wb") as file:
            length = int(answer.headers.get("Content-Length") or 0) or None
            with progress(total=length, unit="B", description=self.path.name) as bar:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
                if length is not None and bar.n < length:
                    raise OSError(f"the connection broke off after {bar.n} of {length} bytes")


def has_digest(path: Path, digest: str, algorithm: str = "sha256") -> bool:
    """Return whether a file exists and its hexadecimal digest begins with `digest`."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        made = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return made.hexdigest().startswith(digest.lower())


def filled(folder: Path) -> bool:
    """Return whether a folder exists and is not empty."""
    return folder.is_dir() and next(folder.iterdir(), None) is not None


def unreachable(url: str) -> str | None:
    """Say why a server does not answer; None where it does.

    The server is asked for the head of the file only.
    """
    request = urllib.request.Request(url, method="HEAD", headers=_USER_AGENT)
    try:
        with guarded(), urllib.request.urlopen(request, timeout=TIMEOUT):
            return None
    except HTTPError:  # it is there, and may refuse this kind of request
        return None
    except (OSError, HTTPException) as error:
        return f"{urlparse(url).netloc} cannot be reached: {_reason(error)}"


def unpack(archives: Sequence[Path], root: Path, folder: str) -> None:
    """Unpack archives that hold the folder `root/folder`, which appears when it is complete.

    Raises:
        SparksError: when an archive is missing or damaged, holds no such folder, or cannot be
            unpacked.
    """
    from torchvision.datasets.utils import extract_archive

    with being_made(root / folder) as half:
        for archive in archives:
            with intact(archive), guarded():
                extract_archive(str(archive), str(half))
        if not (half / folder).is_dir():
            names = " and ".join(archive.name for archive in archives)
            raise SparksError(f"{names} in {root} holds no folder {folder}: it is another archive")
        os.replace(half / folder, root / folder)


@contextmanager
def being_made(place: Path) -> Iterator[Path]:
    """Give an empty hidden folder beside a place, and remove it when the block is left.

    Raises:
        SparksError: when nothing can be written there.
    """
    half = place.with_name(f".{place.name}.part")
    try:
        shutil.rmtree(half, ignore_errors=True)  # of a run that was killed
        half.mkdir(parents=True)
        yield half
    except OSError as error:
        raise SparksError(f"{place} cannot be made ({_reason(error)})") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


@contextmanager
def intact(archive: Path) -> Iterator[None]:
    """Name an archive that turns out to be damaged in this block.

    Raises:
        SparksError: when it is missing or damaged.
    """
    try:
        yield
    except FileNotFoundError as error:
        if archive.exists():
            raise
        raise SparksError(f"there is no {archive}") from error
    except _DAMAGED as error:
        raise SparksError(
            f"{archive} is damaged or was cut short ({_reason(error)}): fetch or copy it again"
        ) from error
    except tarfile.TarError as error:  # what Python's filter refuses
        raise SparksError(f"{archive} is not unpacked ({error}): do not trust it") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0]


class _NoPlainHttp(urllib.request.HTTPHandler):
    """Refuses what is not encrypted, such as redirects to http."""

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
