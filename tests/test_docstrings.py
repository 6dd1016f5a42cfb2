"""Docstrings say what a thing is or does, in words that need no second reading.

Ruff checks that a function's docstring opens with a verb in the imperative (D401), as far as it
knows the word. It lets indirect questions pass, and knows no house style: both are refused here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(path for folder in ("src", "scripts") for path in (ROOT / folder).rglob("*.py"))
# "What is ...", "Whether ...": say "Return whether ..." of a function, a noun of a class.
QUESTION = re.compile(r"(What|How|Which|Where|Whether|Why|Who|Whose)\b")
PRIVATE = re.compile(
    r"\btold\b(?!:)|\b(in|at) hand\b|\bwhoever\b|\bof what\b|how much of everything|anyone's guess",
    re.IGNORECASE,
)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield node.body[0].lineno, text


def faults(source: str) -> list[str]:
    """What is wrong with the docstrings of a module, each with its line."""
    found = []
    for line, text in docstrings(source):
        if QUESTION.match(text):
            found.append(f"line {line} opens with an indirect question: {text.splitlines()[0]!r}")
        if phrase := PRIVATE.search(text):
            found.append(f"line {line} says {' '.join(phrase[0].split())!r}: use a plain word")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_are_statements_in_plain_words(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Return whether a file exists.", 0),
        ("Whatever the caller passes is kept.", 0),
        ("Whether a file exists.", 1),
        ("How much of everything.", 2),
        ("Return the option in hand.", 1),
    ],
)
def test_a_fault_is_noticed(text: str, expected: int) -> None:
    assert len(faults(f'def f():\n    """{text}"""')) == expected
