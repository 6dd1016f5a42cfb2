"""Read Python sources without running them: which file defines a name, and what it imports.

Importing the library would cost seconds at every start of Snakemake, so `_target_` entries are
found, and their arguments checked, in the syntax trees.

Re-exports in a package's `__init__.py` are followed name by name: asking `sparks.attribution` for
`Sobol` depends on the module that defines it, not on its neighbours.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.compose import ROOT

# Where code of the project lives: the library, the scripts' own package, and the user's modules.
SOURCES = (ROOT / "src", ROOT / "scripts", ROOT)


@dataclass(frozen=True)
class Definition:
    """A class or function found in a source file."""

    file: Path
    node: ast.ClassDef | ast.FunctionDef


@cache
def tree(file: Path) -> ast.Module:
    """Parse a source file, once; docstrings are left out."""
    module = ast.parse(file.read_text("utf-8"), str(file))
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return module


@cache
def module_file(module: str) -> Path | None:
    """Find the project's file of a dotted module name; None for installed packages."""
    if not module:
        return None
    relative = Path(*module.split("."))
    extra = [Path(entry).resolve() for entry in sys.path if entry]
    outside = [path for path in extra if "site-packages" not in path.parts and _is_user(path)]
    for source in (*SOURCES, *outside):
        for candidate in (source / relative.with_suffix(".py"), source / relative / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _is_user(path: Path) -> bool:
    """Whether `path` is a folder of the user's own modules, not of Python itself."""
    return not path.is_relative_to(Path(sys.base_prefix)) and not path.is_relative_to(
        Path(sys.prefix)
    )


def find(target: str) -> Definition | None:
    """Find the class or function that `target` (a dotted name) leads to, through re-exports."""
    module, _, name = target.rpartition(".")
    while module:
        file = module_file(module)
        if file is None:
            return None
        for node in tree(file).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
                return Definition(file, node)
        origin = exports(file).get(name)
        if origin is None:
            return None
        module, _, name = origin.rpartition(".")
    return None


@cache
def exports(file: Path) -> dict[str, str]:
    """Names that a module takes from elsewhere → dotted origin.

    Counts what it imports for the type checker only: that is how a package names what it imports
    on first use.
    """
    names: dict[str, str] = {}
    for node in tree(file).body:
        for statement in node.body if isinstance(node, ast.If) else [node]:
            if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
                origin = statement.module
                names |= {a.asname or a.name: f"{origin}.{a.name}" for a in statement.names}
    return names


def imports(node: ast.AST) -> set[str]:
    """Return the dotted names that the code below `node` imports, type-checking ones left out."""
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            found |= {alias.name for alias in child.names}
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            found |= {f"{child.module}.{alias.name}" for alias in child.names}
        else:
            found |= imports(child)
    return found
