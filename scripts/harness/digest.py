"""A digest of the code that a job runs, so that an edit reruns what depends on it, and only that.

Snakemake sees a change of a rule's script file, not of what the script imports. Here the digest
covers the *static import closure*: the script, the project's modules it imports (also inside
functions), what those import, and so on, starting as well from every `_target_` in the job's part
of the configuration. Comments and docstrings do not count: the syntax trees are hashed.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from harness.targets import exports, find, imports, module_file, tree

# Modules that carry values to a job and back but change none: an edit there reruns nothing.
CARRIERS = (
    "job",
    "compose",
    "validate",
    "targets",
    "digest",
    "grid",
    "places",
    "declared",
    "repair",
)


def code_digest(script: Path, config: Any = None) -> str:
    """Digest the closure of `script` and of the `_target_`s in `config` (16 hex digits)."""
    files = {script.resolve()}
    for target in targets_in(config):
        if definition := find(target):
            files.add(definition.file)
    closure_files = sorted(set().union(*(closure(file) for file in files)))
    hashes = [f"{file.name}:{source_digest(file)}" for file in closure_files]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16]


def targets_in(config: Any) -> Iterator[str]:
    """Yield every `_target_` inside nested dicts and lists."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key == "_target_":
                yield value
            else:
                yield from targets_in(value)
    elif isinstance(config, list):
        for value in config:
            yield from targets_in(value)


@cache
def closure(file: Path) -> frozenset[Path]:
    """Return the project's files that running `file` may read, itself included."""
    seen: set[Path] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(_imported(current))
    return frozenset(seen)


@cache
def _imported(file: Path) -> frozenset[Path]:
    """Return the project's files that `file` imports itself."""
    return frozenset(_files_of(imports(tree(file))))


def _files_of(names: Iterable[str]) -> Iterator[Path]:
    """Yield the project's files behind imported names."""
    for name in names:
        if name.startswith("harness.") and name.split(".")[1] in CARRIERS:
            continue
        # `from package import name`: a module of its own, or a name in (or behind) `package`.
        if file := module_file(name):
            yield file
        elif package := module_file(name.rpartition(".")[0]):
            origin = exports(package).get(name.rpartition(".")[2])
            if package.name != "__init__.py" or origin is None:
                yield package
            else:
                yield from _files_of([origin])


@cache
def source_digest(file: Path) -> str:
    """Hash the syntax tree of a file."""
    return hashlib.sha256(ast.dump(tree(file)).encode()).hexdigest()
