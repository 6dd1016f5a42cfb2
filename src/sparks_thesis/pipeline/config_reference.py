"""Write docs/configuration.md: every group of config/, with its files, keys, types and meanings.

Defaults and comments come from the YAML files, types and ranges from `workflow/schemas` and from
the signatures of the classes that `_target_` names, meanings from the comments, else from the
`Attributes` of these classes, else from the schema.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hydra.utils import get_object

from sparks_thesis.pipeline.compose import OPTIONS
from sparks_thesis.pipeline.paths import CONFIG, ROOT
from sparks_thesis.pipeline.validate import schema

PAGE = ROOT / "docs/configuration.md"
# Groups of which only names and first lines are listed: all their files have the same keys.
LISTED = ("claim", "dataset", "experiment", "item", "model", "scale")
# Groups whose classes have no settings that a user would change.
CLASSES_UNLISTED = ("claim", "item")
OURS = ("sparks.", "sparks_thesis.")  # what other packages' classes take, their documents say
PASSED_OVER = ("_target_", "name", "defaults", "hydra")
LOOKS = ("label", "family", "needs", "colour", "marker", "place")  # explained once for all methods
MOST = 90  # characters of a default, at most
INTRO = """# Configuration

Made by `make docs` from `config/`, `workflow/schemas` and the docstrings: change it there.

A run takes overrides of any key: `snakemake --config 'overrides=[training.epochs=3]'`; a script
takes them as arguments. In a key, NAME stands for the name of a file. What a file writes as
`${...}` follows the key named there. A method in a list is the name of a file of
config/attribution; `changes` beside the list says what the method has there otherwise than in its
file.
"""


class Row(NamedTuple):
    """One line of a table."""

    key: str
    default: str
    kind: str
    meaning: str


class Setting(NamedTuple):
    """Hold what a class says of one of its arguments."""

    kind: str
    default: str
    meaning: str


def page() -> str:
    """Return the whole page, as Markdown."""
    parts = [INTRO, "## Keys of config.yaml\n"]
    parts.append(_table(_rows_of(CONFIG / "config.yaml")))
    for folder in sorted(path for path in CONFIG.iterdir() if any(path.glob("*.yaml"))):
        parts += _group(folder)
    parts.append("## Classes\n\nWhat the classes and functions take that `_target_` names.\n")
    for target in sorted(set(_targets())):
        if found := settings_of(target):
            rows = [Row(name, one.default, one.kind, one.meaning) for name, one in found.items()]
            parts += [f"### {target}\n", _table(rows)]
    return "\n".join(parts)


def _group(folder: Path) -> Iterator[str]:
    group = folder.name
    yield f"## config/{group}\n"
    if group in OPTIONS or group == "experiment":
        keys = schema()["$defs"][group]
        rows = [
            Row(key, "", _kind(one), str(_resolved(one).get("description", "")))
            for key, one in keys["properties"].items()
        ]
        yield f"Every file has these keys, under `{group}s.NAME`.\n"
        yield _table(rows)
    files = sorted(folder.glob("*.yaml"))
    if group in LISTED:
        lines = [f"| {file.stem} | {_cell(_opening(file))} |\n" for file in files]
        yield "".join(["| file | |\n|---|---|\n", *lines])
        return
    for file in files:
        yield f"### {group}/{file.stem}\n\n{_opening(file)}\n"
        yield _table(_rows_of(file))


def _opening(file: Path) -> str:
    """Return the comment that a file begins with, without Hydra's lines."""
    lines: list[str] = []
    for line in file.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


# --- the keys of a file ----------------------------------------------------------------------


def _rows_of(file: Path) -> Iterator[Row]:
    """Yield the keys of a file."""
    text = file.read_text("utf-8")
    group = file.parent.name
    package = re.search(r"^# @package ([\w.-]+)", text)
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    if group in OPTIONS:
        found, prefix = schema()["$defs"][group], f"{group}s.{file.stem}."
    elif file.parent == CONFIG:
        found, prefix = schema(), ""
    else:
        prefix = f"{package[1] if package else group}."
        found = schema()
        for step in prefix.strip(".").split("."):
            found = _below(found, step)
    yield from _rows(node, prefix, found, {}, text.splitlines())


def _rows(
    node: Any, prefix: str, found: Any, known: Mapping[str, Setting], lines: list[str]
) -> Iterator[Row]:
    own = {key.value: value for key, value in node.value}
    target = own["_target_"].value if "_target_" in own else ""
    if target.startswith(OURS):
        known = settings_of(target)
    for key, value in node.value:
        name = str(key.value)
        if name in (*PASSED_OVER, "<<") or (prefix.count(".") == 2 and name in LOOKS):
            continue
        inner, setting = _below(found, name), known.get(name, Setting("", "", ""))
        said = _comment(key, value, lines) or setting.meaning or str(inner.get("description", ""))
        kind = _kind(inner) or setting.kind
        if isinstance(value, yaml.MappingNode) and value.value:
            target = next((v.value for k, v in value.value if k.value == "_target_"), "")
            if said or target:
                yield Row(prefix + name, target, kind if not target else "", said)
            yield from _rows(value, f"{prefix}{name}.", inner, {}, lines)
        else:
            yield Row(prefix + name, _written(value), kind, said)


def _written(node: Any) -> str:
    """Return a value as YAML in one line, cut where it is long."""
    if isinstance(node, yaml.ScalarNode):
        text = node.value if node.value or node.style is None else '""'
    else:
        text = yaml.serialize(_flow(node), width=10**6, allow_unicode=True).strip()
    return text if len(text) <= MOST else f"{text[:MOST]} …"


def _flow(node: Any) -> Any:
    """Return a node in flow style, without anchors."""
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode(node.tag, [_flow(one) for one in node.value], flow_style=True)
    if isinstance(node, yaml.MappingNode):
        pairs = [(_flow(key), _flow(value)) for key, value in node.value]
        return yaml.MappingNode(node.tag, pairs, flow_style=True)
    return yaml.ScalarNode(node.tag, node.value, style=node.style)


def _comment(key: Any, value: Any, lines: list[str]) -> str:
    """Return the comment behind a key, or behind its value where that is in one line."""
    for line, column in (
        (value.end_mark.line, value.end_mark.column),
        (key.end_mark.line, key.end_mark.column),
    ):
        one_line = value.start_mark.line == value.end_mark.line == line
        behind = one_line or line == key.end_mark.line < value.start_mark.line
        rest = lines[line][column:] if behind and line < len(lines) else ""
        if found := re.match(r"[\s:\]}]*(?:[&>]\w+)?\s+#\s*(.*)", rest):
            return found[1]
    return ""


def commented(file: Path) -> Iterator[Row]:
    """Yield the keys of a file that have a comment behind them, however deep."""
    text = file.read_text("utf-8")
    yield from _commented(yaml.compose(text, Loader=yaml.CSafeLoader), "", text.splitlines())


def _commented(node: Any, prefix: str, lines: list[str]) -> Iterator[Row]:
    for key, value in node.value:
        if said := _comment(key, value, lines):
            yield Row(f"{prefix}{key.value}", _written(value), "", said)
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from _commented(value, f"{prefix}{key.value}.", lines)


# --- types -----------------------------------------------------------------------------------


def _below(found: Any, name: str) -> Any:
    """Return the schema of a key; empty where it says nothing."""
    found = _resolved(found)
    inner = found.get("properties", {}).get(name, found.get("additionalProperties", {}))
    return _resolved(inner) if isinstance(inner, dict) else {}


def _resolved(found: Any) -> Any:
    """Follow `$ref`; what stands beside it holds."""
    while "$ref" in found:
        name = found["$ref"].rpartition("/")[2]
        found = schema()["$defs"][name] | {k: v for k, v in found.items() if k != "$ref"}
    return found


def _kind(found: Any) -> str:
    """Return type and range in the words of a reader: "integer ≥ 1"."""
    found = _resolved(found)
    if "enum" in found:
        return " or ".join(str(value) for value in found["enum"])
    if "oneOf" in found:
        return " or ".join(_kind(one) for one in found["oneOf"])
    if "const" in found:
        return str(found["const"])
    kinds = found.get("type", "")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    words = {"array": "list", "object": "mapping"}
    text = " or ".join(str(words.get(kind, kind)) for kind in kinds)
    if "array" in kinds and (items := _kind(found.get("items", {}))):
        text += f" of {items}"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {found[key]:g}" for key, sign in signs.items() if key in found]
    if "multipleOf" in found:
        bounds.append(f"multiple of {found['multipleOf']}")
    return " ".join([text, *bounds])


@cache
def settings_of(target: str) -> dict[str, Setting]:
    """Return what a class or function takes, by name: type, default and meaning."""
    made = get_object(target)
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


def _targets() -> Iterator[str]:
    """Yield the classes that files of config/ name, but for figures, tables and claims."""
    for file in sorted(CONFIG.rglob("*.yaml")):
        if file.parent.name in CLASSES_UNLISTED:
            continue
        yield from (
            name
            for name in re.findall(r"_target_: ([\w.]+)", file.read_text("utf-8"))
            if name.startswith(OURS)
        )


# --- Markdown --------------------------------------------------------------------------------


def _table(rows: Any) -> str:
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
