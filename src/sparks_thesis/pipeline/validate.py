"""Refuse a configuration that cannot be run, before any job starts, in one line.

Three questions: is the tree what the typed settings say (`sparks_thesis.settings.refusal`); does
every `_target_` exist and take the arguments it is given; can every experiment's grid be run?
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from sparks.errors import SparksError
from sparks_thesis.pipeline import checks
from sparks_thesis.pipeline.experiment_checks import check_atoms, check_grid, check_study
from sparks_thesis.pipeline.methods import CHANGES, option_of
from sparks_thesis.pipeline.nested import walk
from sparks_thesis.pipeline.selection import plain
from sparks_thesis.pipeline.sources import Definition, defined, find, source
from sparks_thesis.settings import refusal
from sparks_thesis.settings.options import OPTIONS
from sparks_thesis.settings.schema import class_of


def validate(
    config: DictConfig, noted: Path | None = None, say: Callable[[str], None] = print
) -> None:
    """Check the whole configuration.

    Args:
        config: a composed configuration.
        noted: see `checks.check`.
        say: see there.

    Raises:
        SparksError: naming the key, its value and what is allowed.
    """
    try:
        tree: Any = plain(config)
    except OmegaConfBaseException as error:
        raise SparksError(f"the configuration cannot be resolved: {_one_line(error)}") from None
    if checks.known(tree, noted):
        return
    validate_names(config, tree)
    checks.check(config, tree, noted, say)


def validate_names(config: DictConfig, tree: Any) -> None:
    """Check keys, types, arguments, and that what experiments name is there: without PyTorch.

    Raises:
        SparksError: see `validate`.
    """
    refusal.check(tree)
    _check_changes(config, tree)
    for path, node in sorted(_with_targets(tree), key=_written_first):
        _check_class(path, str(node["_target_"]))
        _check_target(path, node)
    for name in config.experiments:
        check_grid(config, name)
    check_study(config)
    check_atoms(config)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


# --- what `_target_` entries are given -------------------------------------------------------


def _with_targets(tree: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """List the dicts that name a class or function, each after its key."""
    found = ((".".join(map(str, path)), node) for path, node in walk(tree))
    return [(key, node) for key, node in found if isinstance(node, dict) and "_target_" in node]


def _written_first(found: tuple[str, Any]) -> tuple[bool, int]:
    """Sort an option before what refers to it, the outermost first."""
    path, _ = found
    return path.split(".")[0].removesuffix("s") not in OPTIONS, path.count(".")


def _check_target(path: str, node: Mapping[str, Any]) -> None:
    target = str(node["_target_"])
    definition = find(target)
    if definition is None:
        if target.split(".")[0] in ("sparks", "sparks_thesis"):
            raise SparksError(f"{path}._target_={target}: the library has no such name")
        return  # an installed package, or a module of the user's that only the job can see
    parameters, open_ended = arguments(definition)
    for key, value in node.items():
        if key.startswith("_") and key.endswith("_"):
            continue
        if key not in parameters:
            if open_ended:
                continue
            raise SparksError(
                f"{path}.{key}: {target} takes no {key!r}; allowed: {sorted(parameters)}"
            )
        annotation = parameters[key]
        if annotation is not None and not _fits(value, annotation):
            raise SparksError(
                f"{path}.{key}={value!r}: {target} wants {ast.unparse(annotation)} there"
            )


def _check_class(path: str, target: str) -> None:
    """Refuse a class that is not, and does not inherit from, the one that a setting asks for."""
    wanted = class_of(path)
    definition, needed = find(target), find(wanted)
    if definition is None or needed is None or not isinstance(definition.node, ast.ClassDef):
        return  # of another package, or a function
    if not _inherits(definition, needed):
        raise SparksError(f"{path}._target_={target}: it must be {wanted}, or inherit from that")


def _inherits(definition: Definition, needed: Definition) -> bool:
    return definition == needed or any(_inherits(base, needed) for base in _bases(definition))


def _bases(definition: Definition) -> Iterator[Definition]:
    """Yield the classes that a class names as its bases, as far as their files are here."""
    for base in definition.node.bases if isinstance(definition.node, ast.ClassDef) else ():
        name, file = ast.unparse(base), definition.file
        for found in (defined(file, name), find(source(file).exports.get(name, ""))):
            if found:
                yield found


def _check_changes(config: DictConfig, tree: Any) -> None:
    """Refuse changes of methods that are not there, or of settings that they lack."""
    studies = {f"studies.{name}": study for name, study in tree["studies"].items()}
    for where, study in {**studies, "words": tree["words"]}.items():
        for name, changed in study.get(CHANGES, {}).items():
            option = option_of(config, f"{where}.{CHANGES}", name)
            _check_target(
                f"{where}.{CHANGES}.{name}", {"_target_": option.method["_target_"], **changed}
            )


def arguments(definition: Definition) -> tuple[dict[str, ast.expr | None], bool]:
    """Return what a class or function takes: name → annotation, and whether it takes any name."""
    node = definition.node
    if isinstance(node, ast.ClassDef):
        init = next(
            (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
        if init is None:
            return _fields(definition)
        node = init
    spec = node.args
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    return {a.arg: a.annotation for a in every if a.arg != "self"}, spec.kwarg is not None


def _fields(definition: Definition) -> tuple[dict[str, ast.expr | None], bool]:
    """Return the fields of a dataclass, those of its bases first."""
    fields: dict[str, ast.expr | None] = {}
    open_ended = False
    assert isinstance(definition.node, ast.ClassDef)
    for base in _bases(definition):
        inherited, more = arguments(base)
        fields |= inherited
        open_ended |= more
    for statement in definition.node.body:
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and "ClassVar" not in ast.unparse(statement.annotation)
        ):
            fields[statement.target.id] = statement.annotation
    return fields, open_ended


_SIMPLE: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "None": (type(None),),
}


def _fits(value: Any, annotation: ast.expr) -> bool:
    """Return whether a plain value fits the annotation; True where that cannot be decided."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return _fits(value, annotation.left) or _fits(value, annotation.right)
    text = ast.unparse(annotation)
    if text.startswith("Literal["):
        return value in ast.literal_eval(f"[{text.removeprefix('Literal[')}")
    if text not in _SIMPLE:
        return not isinstance(value, int | float | str) or not text.startswith(
            ("list[", "tuple[", "Sequence[", "Mapping[", "dict[")
        )
    if isinstance(value, bool):
        return text == "bool"
    return isinstance(value, _SIMPLE[text])
