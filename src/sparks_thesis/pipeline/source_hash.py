"""A digest of the code that a job runs, so that an edit reruns exactly the jobs that use it.

Snakemake sees a change of a rule's script file, not of the modules that the script imports. Here
the digest covers the *static import closure*: the script, the modules of the project and of the
user that it imports (also inside functions, also relatively), what those import, and so on,
starting as well from every name of code in the job's part of the configuration. It also covers

- data files that lie beside a module which names them (a schema, a table);
- the installed versions of the packages that these modules import.

Comments and docstrings do not count: syntax trees are hashed, in a form that is the same for every
version of Python.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from sparks_thesis.pipeline import sources
from sparks_thesis.pipeline.nested import walk
from sparks_thesis.pipeline.sources import find, module_file, packages_of, source

# Modules of this package that carry values to a job and back but change none: an edit there reruns
# nothing.
PIPELINE = "sparks_thesis.pipeline."
CARRIERS = (
    "job",
    "shell",
    "compose",
    "selection",
    "methods",
    "validate",
    "sources",
    "source_hash",
    "grid",
    "dag",
    "concept_files",
    "paths",
    "forks",
    "integrity",
    "run_lock",
    "scale",
)
# Packages that do the same.
CARRYING_PACKAGES = ("hydra", "omegaconf", "snakemake")


def code_digest(script: Path, config: Any = None) -> str:
    """Digest the closure of `script` and of the code that `config` names (16 hex digits)."""
    return _digest(script.resolve(), frozenset(names_in(config)))


@cache
def _digest(script: Path, names: frozenset[str]) -> str:
    files = set(closure(script))
    packages = set()
    for name in names:
        if definition := find(name):
            files |= closure(definition.file)
        elif file := _longest_module(name):
            files |= closure(file)
        else:
            packages.add(name.split(".")[0])
    packages |= {package for file in files for package in _packages(file)}
    lines = [f"{file.name}:{source_digest(file)}" for file in sorted(files)]
    lines += sorted({line for package in packages for line in _versions(package)})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def names_in(config: Any) -> Iterator[str]:
    """Yield every dotted name in nested dicts and lists: a `_target_`, a class as an argument."""
    for _, value in walk(config):
        if isinstance(value, str) and "." in value and all(map(str.isidentifier, value.split("."))):
            yield value


def _longest_module(name: str) -> Path | None:
    """Return the file of the longest part of a dotted name that is a module here."""
    while name:
        if file := module_file(name):
            return file
        name = name.rpartition(".")[0]
    return None


@cache
def closure(file: Path) -> frozenset[Path]:
    """Return the project's and the user's files that running `file` may read, itself included."""
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
    """Return the files that importing `file` reads next: what it imports, and the user's packages.

    The packages of the project only name what is in them, so that their `__init__` does not count.
    """
    own = file.is_relative_to(sources.SOURCES[0])
    return frozenset([*_files_of(source(file).imports), *([] if own else packages_of(file))])


def _files_of(names: Iterable[str]) -> Iterator[Path]:
    """Yield the files behind imported names."""
    for name in names:
        if name.startswith(PIPELINE) and name.split(".")[2] in CARRIERS:
            continue
        # `from package import name`: a module of its own, or a name in (or behind) `package`.
        if file := module_file(name):
            yield file
            if file.name == "__init__.py":  # `import package`: any of its names may be used
                yield from _files_of(source(file).exports.values())
        elif package := module_file(name.rpartition(".")[0]):
            origin = source(package).exports.get(name.rpartition(".")[2])
            if package.name != "__init__.py" or origin is None:
                yield package
            else:
                yield from _files_of([origin])


@cache
def source_digest(file: Path) -> str:
    """Hash the syntax tree of a file, and the data files beside it that it names."""
    found = source(file)
    beside = [file.parent / name for name in found.texts if not name.endswith(".py")]
    data = [f"\n{path.name}:{_contents(path)}" for path in beside if path.is_file()]
    return (
        hashlib.sha256("".join([found.digest, *data]).encode()).hexdigest()
        if data
        else found.digest
    )


def _contents(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@cache
def _packages(file: Path) -> frozenset[str]:
    """Return the packages of others that a file imports."""
    first = {name.split(".")[0] for name in source(file).imports}
    return frozenset(first - set(sys.stdlib_module_names) - set(CARRYING_PACKAGES))


@cache
def _versions(package: str) -> tuple[str, ...]:
    """Return name and version of the distributions of a package; empty for modules here."""
    return tuple(sorted({f"{name}=={version(name)}" for name in _distributions().get(package, ())}))


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())
