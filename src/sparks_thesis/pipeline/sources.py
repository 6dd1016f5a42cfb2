"""Read Python sources without running them: which file defines a name, and what it imports.

Importing the library would cost seconds at every start of Snakemake, so `_target_` entries are
found, and their arguments checked, in the syntax trees. What was read of a file is noted under
`.snakemake` when a run starts, and holds as long as the file has the same size and time.

Re-exports in a package's `__init__.py` are followed name by name: asking `sparks.attribution` for
`Sobol` depends on the module that defines it, not on its neighbours.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sparks.errors import SparksError
from sparks.io import write_text
from sparks_thesis.pipeline.paths import ROOT

# Where code of the project lives, and the user's own modules.
SOURCES = (ROOT / "src", ROOT)


NOTED = Path(".snakemake/sources.json")
_READ: set[Path] = set()  # files that `source` was asked for


@dataclass(frozen=True)
class Source:
    """Contents of a source file that planning asks for.

    Attributes:
        digest: of its syntax tree.
        defines: names of its classes and functions.
        exports: names that it takes from elsewhere → dotted origin. Those that it imports for the
            type checker only count: that is how a package names what it imports on first use.
        imports: dotted names that it imports, in functions too, but not for types.
        texts: its strings that could be names of files.
        keys: of the configuration, that a script declares its job to depend on.
    """

    digest: str
    defines: list[str]
    exports: dict[str, str]
    imports: list[str]
    texts: list[str]
    keys: list[str] | None


@dataclass(frozen=True)
class Definition:
    """A class or function found in a source file."""

    file: Path
    name: str

    @property
    def node(self) -> ast.ClassDef | ast.FunctionDef:
        """Its syntax tree."""
        return next(node for node in _definitions(tree(self.file)) if node.name == self.name)


@cache
def tree(file: Path) -> ast.Module:
    """Parse a source file, once; docstrings are left out.

    Raises:
        SparksError: when the file is not valid Python.
    """
    try:
        module = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        raise SparksError(f"{file} is not valid Python: {error}") from None
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return module


@cache
def source(file: Path) -> Source:
    """Return what a source file says: as noted, or read once.

    Raises:
        SparksError: as `tree`.
    """
    _READ.add(file)
    known = _noted().get(str(file))
    if known and known[0] == _stamp(file):
        return Source(**known[1])
    module = tree(file)
    texts = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant)}
    return Source(
        hashlib.sha256(normal_form(module).encode()).hexdigest(),
        [node.name for node in _definitions(module)],
        _exports(module, file),
        sorted(set(_imports(module, file))),
        sorted(text for text in texts if isinstance(text, str) and _FILE.fullmatch(text)),
        _keys(module),
    )


_FILE = re.compile(r"[\w-]+\.[\w.-]+")


def _stamp(file: Path) -> list[int]:
    found = file.stat()
    return [found.st_size, found.st_mtime_ns]


@cache
def _noted() -> dict[str, Any]:
    """Read what was noted of files, if modules are searched for in the same folders."""
    try:
        noted = json.loads(NOTED.read_text("utf-8"))
        return dict(noted["files"]) if noted["roots"] == list(map(str, _roots())) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def remember() -> None:
    """Note what was read of files, when a run starts or a dry run ends.

    Where nothing can be written they are read again next time.
    """
    said = {file: noted for file, noted in _noted().items() if Path(file).is_file()}
    said |= {str(file): [_stamp(file), asdict(source(file))] for file in sorted(_READ)}
    if said != _noted():
        with suppress(SparksError):
            write_text(NOTED, json.dumps({"roots": list(map(str, _roots())), "files": said}))


# Of a syntax tree: what says nothing about what the code does, and differs between versions.
_NO_MEANING = ("kind", "type_comment", "type_ignores")


def normal_form(node: Any) -> str:
    """Write a syntax tree as text that is the same for every version of Python.

    Fields without a value are left out, as newer versions have more of them; strings are written in
    ASCII, as what counts as printable changes with Unicode.
    """
    if isinstance(node, ast.AST):
        fields = (
            f"{name}={normal_form(value)}"
            for name, value in ast.iter_fields(node)
            if name not in _NO_MEANING and value is not None and value != []
        )
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(normal_form, node))}]"
    return ascii(node)


def config_keys(script: Path) -> tuple[str, ...]:
    """Return the keys of the configuration that a script declares its job to depend on."""
    keys = source(script).keys
    if keys is None:
        raise ValueError(f"{script} declares no CONFIG_KEYS")
    return tuple(keys)


def _keys(module: ast.Module) -> list[str] | None:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CONFIG_KEYS":
            return list(ast.literal_eval(node.value))
    return None


@cache
def module_file(module: str) -> Path | None:
    """Return the project's or the user's file of a module; None for packages of others."""
    if not all(part.isidentifier() for part in module.split(".")):
        return None
    relative = Path(*module.split("."))
    for source in (*_roots(), *_linked(module.split(".")[0])):
        for candidate in (source / relative.with_suffix(".py"), source / relative / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _roots() -> list[Path]:
    """Return the folders that modules of the project and of the user are imported from."""
    return [*SOURCES, *_users(tuple(filter(None, sys.path)))]


@cache
def _users(entries: tuple[str, ...]) -> list[Path]:
    """Return the folders among entries of Python's search path that hold modules of the user's."""
    extra = [Path(entry).resolve() for entry in entries]
    return [p for p in extra if "site-packages" not in p.parts and _is_user(p)]


@cache
def _linked(package: str) -> tuple[Path, ...]:
    """Return the folder of a package that is installed as a link (`pip install -e`)."""
    if package in sys.stdlib_module_names or package in sys.builtin_module_names:
        return ()
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return ()
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        return ()
    origin = Path(spec.origin).resolve()
    if "site-packages" in origin.parts or not _is_user(origin):
        return ()
    return (origin.parents[1 if origin.name == "__init__.py" else 0],)


def module_name(file: Path) -> str | None:
    """Return the dotted name that a file is imported by; None outside the folders of modules."""
    for root in _roots():
        if file.is_relative_to(root):
            relative = file.relative_to(root).with_suffix("")
            return ".".join(relative.parent.parts if file.name == "__init__.py" else relative.parts)
    return None


def packages_of(file: Path) -> Iterator[Path]:
    """Yield the `__init__.py` of every package that a file is in: importing the file runs them."""
    name = module_name(file) or ""
    while name := name.rpartition(".")[0]:
        found = module_file(name)
        if found is not None and found.name == "__init__.py":
            yield found


def _is_user(path: Path) -> bool:
    """Return whether `path` is a folder of the user's own modules, not of Python itself."""
    return not path.is_relative_to(Path(sys.base_prefix)) and not path.is_relative_to(
        Path(sys.prefix)
    )


def _definitions(module: ast.Module) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    return (node for node in module.body if isinstance(node, ast.ClassDef | ast.FunctionDef))


def defined(file: Path, name: str) -> Definition | None:
    """Find the class or function of a name in a file."""
    return Definition(file, name) if name in source(file).defines else None


def find(target: str) -> Definition | None:
    """Find the class or function that `target` (a dotted name) leads to, through re-exports."""
    module, _, name = target.rpartition(".")
    while module:
        file = module_file(module)
        if file is None:
            return None
        if definition := defined(file, name):
            return definition
        origin = source(file).exports.get(name)
        if origin is None:
            return None
        module, _, name = origin.rpartition(".")
    return None


def _exports(module: ast.Module, file: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in module.body:
        for statement in [*node.body, *node.orelse] if isinstance(node, ast.If) else [node]:
            if isinstance(statement, ast.ImportFrom) and (origin := _origin(statement, file)):
                names |= {a.asname or a.name: f"{origin}.{a.name}" for a in statement.names}
    return names


def _imports(node: ast.AST, file: Path) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), file)
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            if origin := _origin(child, file):
                yield from (f"{origin}.{alias.name}" for alias in child.names)
        else:
            yield from _imports(child, file)


def _origin(statement: ast.ImportFrom, file: Path) -> str | None:
    """Return the module that `from module import ...` in a file means, as an absolute name."""
    if not statement.level:
        return statement.module
    package = (module_name(file) or "").split(".")
    dropped = statement.level - (file.name == "__init__.py")
    package = package[: len(package) - dropped] if dropped else package
    return ".".join([*package, *([statement.module] if statement.module else [])]) or None
