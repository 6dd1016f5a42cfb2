"""jsPsych's npm packages: fetched once, checked against pinned digests, never committed."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparks.errors import SparksError
from sparks.io import atomic

# Seconds that npm may take for one package.
PATIENCE = 120


@dataclass(frozen=True)
class Package:
    """One version of one npm package.

    Attributes:
        name: as npm knows it.
        version: exact.
        integrity: "sha512-" and the digest of the tarball in base64, as npm's lock files have it.
        script: the file in it that browsers run.
    """

    name: str
    version: str
    integrity: str
    script: str = "dist/index.browser.min.js"

    @property
    def tarball(self) -> str:
        """The name that `npm pack` gives its file."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    def check(self, path: Path) -> None:
        """Compare a tarball with the pinned digest.

        Raises:
            SparksError: when it is another file, or cut short.
        """
        digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != self.integrity:
            raise SparksError(
                f"{self.tarball} is not the package that study.packages pins: its integrity is "
                f"sha512-{digest}, pinned is {self.integrity}. Fetch it again, or correct the pin "
                "if you mean another version"
            )

    def read_script(self, folder: str | Path) -> bytes:
        """Read the script out of the tarball in `folder`, its digest checked.

        Raises:
            SparksError: when the tarball is missing, is another, or lacks the script.
        """
        path = Path(folder) / self.tarball
        if not path.is_file():
            raise SparksError(f"{path} is missing: run `snakemake study_packages` first")
        self.check(path)
        with tarfile.open(path) as tar:
            try:
                member = tar.extractfile(f"package/{self.script}")
            except KeyError:
                member = None
            if member is None:
                raise SparksError(f"{self.tarball} has no file {self.script}: see study.packages")
            return member.read()


def fetch(packages: Sequence[Package], folder: str | Path, tarballs: str | None = None) -> None:
    """Put the tarballs of packages into a folder, each checked before it gets its name.

    Args:
        packages: what is needed.
        folder: where they go.
        tarballs: a folder that has them already, for machines without npm or network; by default
            npm fetches them from the registry that it is configured for.

    Raises:
        SparksError: when npm is missing or fails, or a tarball is not the pinned one.
    """
    with tempfile.TemporaryDirectory() as temporary:
        for package in packages:
            if tarballs is None:
                found = _pack(package, packages, Path(temporary))
            else:
                found = Path(tarballs) / package.tarball
                if not found.is_file():
                    raise SparksError(f"study.tarballs={tarballs} has no {package.tarball}")
            package.check(found)
            with atomic(Path(folder) / package.tarball) as file:
                shutil.copyfile(found, file)


def _pack(package: Package, packages: Sequence[Package], folder: Path) -> Path:
    """Download one package with npm in an empty folder, without any project's npm settings."""
    wanted = f"{package.name}@{package.version}"
    way_out = (
        f"on a machine with npm and a network run `npm pack "
        f"{' '.join(f'{p.name}@{p.version}' for p in packages)}`, and name the folder with these "
        "files in study.tarballs"
    )
    npm = shutil.which("npm")
    if npm is None:
        raise SparksError(
            f"npm, which fetches jsPsych, is not installed: install Node.js, or {way_out}"
        )
    command = [npm, "pack", wanted, "--ignore-scripts", "--silent", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise SparksError(f"npm gave no {wanted} within {PATIENCE} s: {way_out}") from None
    path = folder / package.tarball
    if done.returncode or not path.is_file():
        raise SparksError(f"npm pack {wanted} failed (status {done.returncode}): {way_out}")
    return path
