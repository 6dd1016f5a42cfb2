"""The two doors of a script: Snakemake's `script:` directive, and a Hydra program (`shell`).

A script is one function `run(cfg, inputs, outputs)` with what it may depend on declared beside it::

    CONFIG_KEYS = ("model", "training", "seed", "device")

    def run(cfg, inputs, outputs): ...

    main(run, CONFIG_KEYS, inputs={"train": paths.TRAIN}, outputs={...}, snakemake=...)

Through either door it gets plain values: its resolved part of the configuration, and paths. What
only the shell needs (Hydra's composition, the typed settings) is imported there: a job of
Snakemake's starts without it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sparks.engine.memory import keep_freed_memory
from sparks.errors import SparksError
from sparks_thesis.pipeline import integrity, run_lock, user_files
from sparks_thesis.pipeline.paths import ROOT
from sparks_thesis.pipeline.resources import machine, take_gpu

Paths = Mapping[str, Any]  # name → path, or list of paths
# Name → template; where the grid decides, a function of the configuration and the names selected.
Templates = Mapping[str, Any] | Callable[[DictConfig, Mapping[str, str]], Paths]
Run = Callable[["Config", Paths, Paths], None]

GPU_LOCKS = Path(".snakemake/gpus")
VERSIONS = ("numpy", "scipy", "pandas", "torch", "torchvision", "captum", "scikit-learn")


@dataclass(frozen=True)
class Config:
    """Configuration of a job, and the provenance that its results record."""

    parts: Mapping[str, Any]
    wildcards: Mapping[str, str]
    inputs: Paths
    code: str

    def __getitem__(self, key: str) -> Any:
        return self.parts[key]

    def provenance(self, **measured: Any) -> dict[str, Any]:
        """Say how a result came about: all that could change it, and nothing that does not."""
        return {
            "config": dict(self.parts),
            "job": dict(self.wildcards),
            "code": self.code,
            "commit": _commit(),
            "machine": machine(),
            "python": sys.version.split()[0],
            "versions": {name: version(name) for name in VERSIONS},
            "inputs": self._digests,
            **self._brought(),
            **measured,
        }

    @cached_property
    def _digests(self) -> dict[str, str]:
        """Digest of each input, computed once for all that a job writes."""
        return {path: file_digest(path) for path in flatten(self.inputs.values())}

    def origin(self) -> str:
        """Say on one line where a figure or table comes from, the same in every run of a commit.

        It has no digests of the inputs, some of which hold measured times: what the item reads
        is known from its settings, and each of these files has a provenance of its own.
        """
        settings = json.dumps(dict(self.parts), sort_keys=True, default=str)
        made = {
            "made by": "sparks",
            **self.wildcards,
            "commit": _commit(),
            "code": self.code[:16],
            "settings": hashlib.sha256(settings.encode()).hexdigest()[:16],
            "versions": {name: version(name) for name in VERSIONS},
        }
        return json.dumps(made)

    def _brought(self) -> dict[str, Any]:
        """Digest what the user brought. Of a data set, `scripts/data.py` says which files count."""
        parts = {key: value for key, value in self.parts.items() if key != "dataset"}
        paths = user_files.paths_of(parts)
        return {"brought": {path: user_files.contents(path) for path in paths}} if paths else {}


def main(
    run: Run,
    parts: Iterable[str],
    inputs: Templates,
    outputs: Templates,
    snakemake: Any = None,
) -> None:
    """Run a script through the door it was called by; exit with status 1 on bad input."""
    keep_freed_memory()
    if snakemake is None:
        from sparks_thesis.pipeline.shell import hydra_main

        hydra_main(run, tuple(parts), inputs, outputs)
        return
    run_lock.share()
    code, names = snakemake.params.code, dict(snakemake.wildcards.items())
    with _log_to(snakemake.log[0]), refusing(names):
        inputs, outputs = dict(snakemake.input.items()), dict(snakemake.output.items())
        config = Config(snakemake.params.cfg, names, inputs, code["digest"])
        if snakemake.resources.get("gpu"):
            take_gpu(GPU_LOCKS, config["device"])
        run(config, inputs, outputs)
        integrity.note(snakemake.rule, names, flatten(outputs.values()), code["damaged"])


def triggers(code: str, parts: Any, damaged: int) -> dict[str, Any]:
    """Return what makes a job run again, beside its configuration and inputs, as one parameter.

    Args:
        code: digest of the job's code.
        parts: of the configuration; the listings of files and folders that it names count.
        damaged: how often the job's files were damaged after it had ended.
    """
    files = [user_files.listing(path) for path in user_files.paths_of(parts)]
    return {"digest": code, "files": files, "damaged": damaged}


@contextmanager
def refusing(wildcards: Mapping[str, str] | None = None) -> Iterator[None]:
    """Print an error of ours as one line and leave; SPARKS_TRACEBACK=1 prints the traceback too."""
    try:
        yield
    except SparksError as error:
        if os.environ.get("SPARKS_TRACEBACK"):
            traceback.print_exc()
        names = " ".join(f"{key}={value}" for key, value in (wildcards or {}).items())
        print(f"error: {error}" + (f" [{names}]" if names else ""), file=sys.stderr, flush=True)
        sys.exit(1)


@contextmanager
def _log_to(path: str) -> Iterator[None]:
    """Send what the job prints, from C as well, to its log."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", buffering=1, encoding="utf-8") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())
        yield


def flatten(values: Iterable[Any]) -> list[str]:
    """List the paths in values that are paths or lists of paths."""
    return [str(p) for v in values for p in (v if isinstance(v, list | tuple) else [v])]


def file_digest(path: str) -> str:
    """SHA-256 of a file, 16 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@cache
def _commit() -> str:
    """Return the commit the code was at, `+` if files were changed since; empty outside git."""
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], **_QUIET).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], **_QUIET).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{head}+" if changed else str(head)


_QUIET: dict[str, Any] = {"capture_output": True, "text": True, "check": True}
