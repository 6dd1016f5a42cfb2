"""The page docs/rules.md: every rule of the workflow, what it reads and what it writes."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

from sparks_thesis.pipeline import concept_files, dag, downloads, paths
from sparks_thesis.pipeline.paths import ROOT

PAGE = ROOT / "docs" / "rules.md"
WORKFLOW = ROOT / "workflow"
MODULES = {"concept_files": concept_files, "dag": dag, "downloads": downloads, "paths": paths}
# Functions of common.smk that only pass on what another one gives.
PASSED_ON = {"whole", "inputs_by", "of_checkout"}
_HEAD = """\
# Rules of the workflow

Made by `make docs` from `workflow/`. A rule's script is `scripts/RULE.py`, its log is in
`logs/RULE/`, its time and memory in `benchmarks/results/RULE/`. Paths are those of a run without
shards (`explain.shard`, `concepts.shard`, `studies.stability.shard`). Memory doubles at a retry.
"""
_RULE = re.compile(r"^( *)(?:use rule job as (\w+) with|rule (\w+)):\n", re.MULTILINE)
_DEF = re.compile(r'^def (\w+)\(.*\):\n    """(.+)', re.MULTILINE)


class Rule(NamedTuple):
    """A rule: its name, the comment above it, and its sections as they are written."""

    name: str
    comment: str
    sections: dict[str, str]


def page() -> str:
    """Return the page in Markdown."""
    snakefile = (WORKFLOW / "Snakefile").read_text()
    files = [WORKFLOW / name for name in re.findall(r'^include: "(.+)"', snakefile, re.MULTILINE)]
    parts = [_HEAD, "## To ask for\n", _table(rules(snakefile), {})]
    for file in files:
        text = file.read_text()
        if found := list(rules(text)):
            parts += [f"## {_title(text)}\n", _table(found, _names(text))]
    return "\n".join(parts)


def rules(text: str) -> Iterator[Rule]:
    """Yield the rules of a file but for the base that others are made from."""
    for match in _RULE.finditer(text):
        indent, name = match[1], match[2] or match[3]
        body = re.match(rf"(?:{indent}    .*\n|\n)*", text[match.end() :])
        sections = re.split(r"^(\w+):", dedent(body[0] if body else ""), flags=re.MULTILINE)
        above = re.search(rf"(?:^{indent}#.*\n)+\Z", text[: match.start()], re.MULTILINE)
        comment = re.sub(r"^ *# ?", "", above[0], flags=re.MULTILINE) if above else ""
        if name != "job":
            yield Rule(name, comment, dict(zip(sections[1::2], sections[2::2], strict=True)))


def _title(text: str) -> str:
    """Return the first sentence of the comment that a file begins with."""
    return text.removeprefix("# ").partition("\n")[0].partition(". ")[0].rstrip(".")


def _names(text: str) -> dict[str, Any]:
    """Return the constants of a file that are paths, of a run without shards."""
    names: dict[str, Any] = {}
    for key, value in re.findall(r"^([A-Z_]+) = (\{[^}]*\}|.+)$", text, re.MULTILINE):
        names[key] = _value(ast.parse(value, mode="eval").body, names)
    return names


def _table(found: Iterator[Rule] | list[Rule], names: dict[str, Any]) -> str:
    lines = ["| rule | what it does | reads | writes | asks for |", "| --- " * 5 + "|"]
    for rule in found:
        reads, writes = (_files(rule.sections.get(key, ""), names) for key in ("input", "output"))
        asked = _asked(rule.sections.get("resources", ""))
        cells = [f"`{rule.name}`", " ".join(rule.comment.split()), reads, writes, asked]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _files(section: str, names: dict[str, Any]) -> str:
    """List what a section names: paths, or what the function is documented to give."""
    call = ast.parse(f"f({section.strip()})", mode="eval").body
    assert isinstance(call, ast.Call)
    named = [("", each) for each in call.args] + [(k.arg or "", k.value) for k in call.keywords]
    listed: list[str] = []
    for key, expression in named:
        value = _value(expression, names)
        several = value if isinstance(value, dict) else {key: value}
        for name, path in several.items():
            shown = f"`{path}`" if isinstance(path, str) else _documented(expression)
            listed.append(f"{name}: {shown}" if name else shown)
    return "<br>".join(listed)


def _value(expression: ast.expr, names: dict[str, Any]) -> Any:
    """Return a path, or paths by name; None where only a run knows them."""
    match expression:
        case ast.IfExp():  # of shards: as if there were none
            return _value(expression.orelse, names)
        case ast.Name():
            return names.get(expression.id)
        case ast.Attribute(value=ast.Name(id="paths")):
            path = getattr(paths, expression.attr)
            return None if callable(path) else path
        case ast.Subscript(value=of, slice=ast.Constant(value=key)):
            return (_value(of, names) or {}).get(key)
        case ast.Dict(keys=keys, values=values):
            made = zip(keys, values, strict=True)
            return {k.value: _value(v, names) for k, v in made if isinstance(k, ast.Constant)}
        case ast.Call(func=ast.Name(id="directory"), args=[folder]):
            return f"{_value(folder, names)}/"
        case ast.Call(func=ast.Name(id="expand" | "report"), args=[path, *_]):
            return _value(path, names)
        case ast.Call(func=ast.Attribute(attr="templates"), args=[ast.Constant(value=kind)]):
            return dag.templates(str(kind))
    return None


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else ""


def _documented(expression: ast.expr) -> str:
    """Return what the function that gives the files is said to give, by its docstring."""
    docs = dict(_DEF.findall((WORKFLOW / "rules/common.smk").read_text()))
    named = [node for node in ast.walk(expression) if isinstance(node, ast.Name)]
    given = [docs[node.id] for node in named if node.id in docs.keys() - PASSED_ON]
    for node in ast.walk(expression):
        if isinstance(node, ast.Attribute) and _name(node.value) in MODULES:
            value = getattr(MODULES[_name(node.value)], node.attr)
            given += [inspect.getdoc(value) or ""] if callable(value) else []
    if not given:
        return "by the configuration"
    first = " ".join(given[0].partition("\n\n")[0].split()).partition(". ")[0]
    return re.sub(r"^(?:Return|List|Name|Paths of) ", "", first.rstrip('".'))


def _asked(section: str) -> str:
    """Return memory, time and GPU that a rule asks for."""
    if not (found := re.search(r"asks\((\d+), (\d+)(, gpu=True)?\)", section)):
        return ""
    gpu = ", a GPU if there is one" if found[3] else ""
    return f"{int(found[1]) / 1000:g} GB, {found[2]} min{gpu}"


if __name__ == "__main__":
    Path(PAGE).write_text(page())
