"""Errors that name an input by its place in its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sparks.errors import SparksError


@contextmanager
def counting_from(first: int, path: str) -> Iterator[None]:
    """Say in errors, which name an input by its place among some, where these begin in a file."""
    try:
        yield
    except SparksError as error:
        if first == 0:
            raise
        raise SparksError(f"{error} [counted from image {first} of {path}]") from error
