"""Write docs/configuration.md: every key with its default, type, range and meaning.

Of settings these stand in their models (`sparks_thesis.settings`); of the files of config/, values
and comments stand in the file; of an object's arguments, in its class and its docstring.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from pydoc import locate
from typing import Any, NamedTuple

import yaml

from sparks_thesis.common.settings import defaults
from sparks_thesis.overview.comments import commented, written
from sparks_thesis.settings.options import OPTIONS, Experiment
from sparks_thesis.settings.root import GROUPS, Root
from sparks_thesis.settings.schema import at, resolved, schema

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"
PAGE = ROOT / "docs/configuration.md"
# Groups of which only names and first lines are listed: all their files have the same keys.
LISTED = ("claim", "dataset", "experiment", "item", "model", "scale")
# Keys of the tree with a table of their own.
APART = ("studies", "experiments", *GROUPS, *OPTIONS, *(f"{group}s" for group in OPTIONS))
OURS = ("sparks.", "sparks_thesis.")  # other packages document their own classes
INTRO = """# Configuration

Made by `make docs` from the settings in `src/sparks_thesis`, from `config/` and from docstrings:
change it there.

A run takes overrides of any key: `snakemake --config 'overrides=[training.epochs=3]'`; a script
takes them as arguments. In a key, NAME stands for the name of a file. A default `${...}` follows
the key named there. A method in a list is the name of a file of config/attribution; `changes`
beside the list says where its settings differ from that file.
"""


class Row(NamedTuple):
    """One line of a table."""

    key: str
    default: str
    kind: str
    meaning: str


class Setting(NamedTuple):
    """Type, default and meaning of an argument of a class."""

    kind: str
    default: str
    meaning: str


def page() -> str:
    """Return the whole page, as Markdown."""
    values = defaults(Root)
    parts = [INTRO, "## Keys\n", _table(_of_block(schema(), values, ()))]
    for path in [*(("studies", key) for key in values["studies"]), *((key,) for key in GROUPS)]:
        found, own = at(path), values["studies"][path[1]] if path[1:] else values[path[0]]
        parts += [f"## {'.'.join(path)}\n\n{_meaning(found)}\n"]
        parts.append(_table(_of_block(found, own, path)))
    for folder in sorted(path for path in CONFIG.iterdir() if any(path.glob("*.yaml"))):
        parts += _group(folder)
    parts.append("## Classes\n\nArguments of the classes and functions that `_target_` names.\n")
    for target in sorted(_targets("\n".join(parts))):
        if found := settings_of(target):
            rows = [Row(name, one.default, one.kind, one.meaning) for name, one in found.items()]
            parts += [f"### {target}\n", _table(rows)]
    return "\n".join(parts)


# --- settings --------------------------------------------------------------------------------


def _of_block(found: Any, values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Row]:
    """Yield the keys of a block, but for those that have a table of their own."""
    for name in found["properties"]:
        if not path and name in APART:
            continue
        here, value = (*path, name), values.get(name, {})
        key, kind, meaning = ".".join(here), at(here), _meaning(at(here))
        entries = at((*here, "NAME")) if path else {}
        if "properties" in kind and not isinstance(value, str):
            yield Row(key, "", "", meaning)
            yield from _of_block(kind, value, here)
        elif _has_objects(value):
            yield Row(key, value.get("_target_", ""), "", meaning)
            yield from _of_values(value, f"{key}.", {})
        else:
            needed = path and name in found.get("required", ())
            default = written(value) if name in values else "required" if needed else ""
            yield Row(key, default, _kind(kind), meaning)
            if "properties" in entries:
                yield from _of_block(entries, {}, (*here, "NAME"))


def _has_objects(value: Any) -> bool:
    return isinstance(value, dict) and (
        "_target_" in value or any(_has_objects(one) for one in value.values())
    )


def _of_values(
    values: Mapping[str, Any], prefix: str, comments: Mapping[str, str]
) -> Iterator[Row]:
    """Yield the arguments of an object, or the entries of a dict, however deep."""
    target = str(values.get("_target_", ""))
    known = settings_of(target) if target.startswith(OURS) else {}
    for name, value in values.items():
        if name == "_target_":
            continue
        setting = known.get(name, Setting("", "", ""))
        said = comments.get(prefix + name) or setting.meaning
        if isinstance(value, dict) and value:
            inner = value.get("_target_", "")
            if said or inner:
                yield Row(prefix + name, inner, "", said)
            yield from _of_values(value, f"{prefix}{name}.", comments)
        else:
            yield Row(prefix + name, written(value), setting.kind, said)


def _meaning(found: Any) -> str:
    return " ".join(str(found.get("description", "")).split()).removesuffix(".")


def _kind(found: Any) -> str:
    """Return type and range in the words of a reader: "integer ≥ 1"."""
    found = resolved(found)
    if "enum" in found:
        return " or ".join(map(str, found["enum"]))
    if "anyOf" in found:
        return " or ".join(_kind(one) for one in found["anyOf"])
    if "const" in found:
        return str(found["const"])
    kind = found.get("type", "")
    text = {"array": "list", "object": "mapping"}.get(kind, kind)
    if kind == "array" and (items := _kind(found.get("items", {}))):
        text += f" of {items}"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {found[key]:g}" for key, sign in signs.items() if key in found]
    if "multipleOf" in found:
        bounds.append(f"multiple of {found['multipleOf']}")
    return " ".join([text, *bounds])


# --- files -----------------------------------------------------------------------------------


def _group(folder: Path) -> Iterator[str]:
    group = folder.name
    yield f"## config/{group}\n"
    if kind := (OPTIONS | {"experiment": Experiment}).get(group):
        path = (f"{group}s", "NAME")
        yield f"Keys of every file, under `{group}s.NAME`; those not required may be left out.\n"
        yield _table(_of_block(at(path), defaults(kind), path))
    files = sorted(folder.glob("*.yaml"))
    if group in LISTED:
        lines = [f"| {file.stem} | {_cell(_opening(file))} |\n" for file in files]
        yield "".join(["| file | |\n|---|---|\n", *lines])
        return
    for file in files:
        yield f"### {group}/{file.stem}\n\n{_opening(file)}\n"
        yield _table(_of_file(file))


def _of_file(file: Path) -> Iterator[Row]:
    """Yield the keys of a file, but for those explained once for all files of its group."""
    group = file.parent.name
    prefix = f"{group}s.{file.stem}." if group in OPTIONS else f"{group}."
    comments = {prefix + one.key: one.meaning for one in commented(file)}
    values = yaml.safe_load(file.read_text("utf-8"))
    if group in OPTIONS:
        values = {k: v for k, v in values.items() if isinstance(v, dict) or k not in _explained()}
    return _of_values(values, prefix, comments)


@cache
def _explained() -> frozenset[str]:
    return frozenset(name for kind in OPTIONS.values() for name in kind.model_fields)


def _opening(file: Path) -> str:
    """Return the comment that a file begins with, without Hydra's lines."""
    lines: list[str] = []
    for line in file.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


# --- classes ---------------------------------------------------------------------------------


@cache
def settings_of(target: str) -> dict[str, Setting]:
    """Return what a class or function takes, by name: type, default and meaning."""
    made: Any = locate(target)
    fields = dataclasses.fields(made) if dataclasses.is_dataclass(made) else ()
    factories = {field.name: field.default_factory for field in fields}
    meanings: dict[str, str] = {}
    for one in (made, *getattr(made, "__mro__", ())):
        meanings = attributes(one.__doc__ or "") | meanings
    found = {}
    for name, argument in inspect.signature(made).parameters.items():
        if argument.kind in (argument.VAR_KEYWORD, argument.VAR_POSITIONAL):
            continue
        kind = "" if argument.annotation is argument.empty else argument.annotation
        kind = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
        factory = factories.get(name, dataclasses.MISSING)
        if factory is not dataclasses.MISSING:
            default = f"{getattr(factory, '__name__', 'made')}()"
        else:
            default = "required" if argument.default is argument.empty else _default(argument)
        found[name] = Setting(kind, default, meanings.get(name, "").removesuffix("."))
    return found


def _default(argument: inspect.Parameter) -> str:
    """Return a default as Python writes it, without places in memory."""
    return re.sub(r"<(?:class|function) '?([\w.]+).*?>", r"\1", repr(argument.default))


def attributes(docstring: str) -> dict[str, str]:
    """Read the entries of a docstring's sections `Attributes` and `Args`: name → text."""
    found: dict[str, str] = {}
    inside, name = False, ""
    for line in inspect.cleandoc(docstring).splitlines():
        if line and not line.startswith(" "):
            inside = line in ("Attributes:", "Args:")
        elif entry := re.match(r"    (\w+): (.*)", line) if inside else None:
            name = entry[1]
            found[name] = entry[2]
        elif inside and line.startswith("        ") and name:
            found[name] += f" {line.strip()}"
    return found


def _targets(text: str) -> set[str]:
    """Return the classes of this project that rows of the page name as their default."""
    names = re.findall(r"\| `([\w.]+)` \|  \|", text)
    return {name for name in names if name.startswith(OURS)}


# --- Markdown --------------------------------------------------------------------------------


def _table(rows: Iterable[Row]) -> str:
    lines = ["| key | default | type | meaning |", "|---|---|---|---|"]
    for row in rows:
        key, default, kind, meaning = (_cell(cell) for cell in row)
        lines.append(f"| `{key}` | {f'`{default}`' if default else ''} | {kind} | {meaning} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Escape what would end a cell."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
