"""The examples in docstrings of the public classes run, and give what they print.

A package's docstring makes what the examples of its classes start from. Every public name
of the library has an example.
"""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from typing import Any

import pytest
import torch

PACKAGES = [
    *("sparks.alignment", "sparks.attribution", "sparks.concepts", "sparks.data", "sparks.engine"),
    *("sparks.lipschitz", "sparks.metrics", "sparks.models", "sparks.plots", "sparks.sensitivity"),
    *("sparks.stability", "sparks.training", "sparks.utility", "sparks.verification"),
    *("sparks.visualization",),
]
# Protocols and base classes, and results that other classes make.
NO_EXAMPLE = {"Concepts", "ConceptHead", "Dictionary", "Explanation", "Method"}
NO_EXAMPLE |= {"Circuit", "Features"}
NO_EXAMPLE |= {"RECIPES"}  # a dictionary, shown with its class `Recipe`


def public() -> list[tuple[str, str]]:
    """Return (package, name) of every public class and function."""
    return [(package, name) for package in PACKAGES for name in import_module(package).__all__]


def run(docstring: str, name: str, names: dict[str, Any]) -> int:
    """Run the examples of a docstring, which may define more names; return how many there are."""
    test = doctest.DocTestParser().get_doctest(docstring, names, name, None, None)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    assert runner.failures == 0, "".join(report)
    return len(test.examples)


@pytest.mark.parametrize(("package", "name"), public())
def test_examples(package: str, name: str) -> None:
    torch.manual_seed(0)
    module = import_module(package)
    names: dict[str, Any] = {name: getattr(module, name)}
    assert run(inspect.getdoc(module) or "", package, names)
    examples = run(inspect.getdoc(getattr(module, name)) or "", f"{package}.{name}", names)
    assert examples or name in NO_EXAMPLE
