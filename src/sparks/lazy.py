"""Packages whose names are imported on first use: torchvision, Captum and others cost seconds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def on_first_use(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package.

    Args:
        package: its `__name__`.
        modules: name → the sub-module that has it.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return get


def packages_on_first_use(package: str, names: Collection[str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package whose sub-packages are imported on first use.

    Args:
        package: its `__name__`.
        names: of sub-packages and modules.
    """

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return import_module(f"{package}.{name}")

    return get
