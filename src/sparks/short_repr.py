"""A short `repr` for dataclasses that hold tensors, networks or many settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

# Characters of one field's value.
LONGEST = 60


def short_repr(self: Any) -> str:
    """Return a dataclass in one line: the fields that differ from their defaults.

    Tensors and arrays are shown by their shape, networks by their class, long values by their
    beginning. Use it in the body of a dataclass: `__repr__ = short_repr`.

    Example:
        >>> from dataclasses import dataclass
        >>> import torch
        >>> @dataclass(frozen=True)
        ... class Kept:
        ...     maps: torch.Tensor
        ...     name: str = "x"
        ...     __repr__ = short_repr
        >>> Kept(torch.zeros(2, 3))
        Kept(maps=Tensor(2, 3))
    """
    values = ((field, getattr(self, field.name)) for field in fields(self) if field.repr)
    shown = [f"{field.name}={_short(v)}" for field, v in values if not _is_default(field, v)]
    return f"{type(self).__name__}({', '.join(shown)})"


def _short(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{type(value).__name__}({', '.join(map(str, shape))})"
    if hasattr(value, "named_modules"):
        return f"{type(value).__name__}(...)"
    if isinstance(value, Mapping) and value:
        value = {key: _Text(_short(held)) for key, held in value.items()}
    text = repr(value)
    cut = len(text) > LONGEST or "\n" in text
    return f"{text.splitlines()[0][: LONGEST - 3]}..." if cut else text


class _Text(str):
    """Text that is shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _is_default(field: Any, value: Any) -> bool:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    if default is MISSING or hasattr(value, "shape"):
        return default is value
    return bool(type(default) is type(value) and default == value)
