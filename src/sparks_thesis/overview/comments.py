"""Comments of YAML files: what stands behind a key says what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MOST = 90  # characters of a value, at most


class Commented(NamedTuple):
    """A key with a comment: dotted key, value on one line, comment."""

    key: str
    default: str
    meaning: str


def commented(file: Path) -> Iterator[Commented]:
    """Yield the keys of a file that have a comment behind them, however deep."""
    text = file.read_text("utf-8")
    yield from _below(yaml.compose(text, Loader=yaml.CSafeLoader), "", text.splitlines())


def _below(node: Any, prefix: str, lines: list[str]) -> Iterator[Commented]:
    for key, value in node.value:
        if said := _comment(key, value, lines):
            plain = yaml.safe_load(yaml.serialize(value))
            yield Commented(f"{prefix}{key.value}", written(plain), said)
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from _below(value, f"{prefix}{key.value}.", lines)


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


def written(value: Any) -> str:
    """Return a value as YAML in one line, cut where it is long."""
    if isinstance(value, str):
        text = value or '""'
    else:
        text = yaml.safe_dump(
            value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
        ).strip()
    text = text.removesuffix("\n...")
    return text if len(text) <= MOST else f"{text[:MOST]} …"
