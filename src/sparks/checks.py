"""Checks of settings when an object is built: one line that names the setting and what it may be.

Every configuration is built when the workflow starts, so what these refuse starts no job.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from sparks.errors import SparksError


def whole(owner: object, least: int, *names: str) -> None:
    """Refuse attributes that are not whole numbers of `least` or more."""
    for name in names:
        value = getattr(owner, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise _refusal(owner, name, value, f"a whole number of {least} or more")


def between(
    owner: object,
    low: float,
    high: float,
    *names: str,
    ends: bool = False,
) -> None:
    """Refuse attributes that are not numbers between `low` and `high`.

    Args:
        owner: whose attributes.
        low: the lower end.
        high: the upper end, infinity for none.
        names: of the attributes.
        ends: whether the ends themselves are allowed (infinity never is).
    """
    for name in names:
        value = getattr(owner, name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        inside = number and (low <= value <= high if ends else low < value < high)
        if not inside or math.isinf(value):
            above = f"{low} or more" if ends else f"more than {low}"
            below = f"at most {high}" if ends else f"less than {high}"
            limits = above if math.isinf(high) else f"{above} and {below}"
            raise _refusal(owner, name, value, f"a number, {limits}")


def one_of(owner: object, allowed: Collection[object], *names: str) -> None:
    """Refuse attributes that are none of the allowed values."""
    for name in names:
        value = getattr(owner, name)
        if value not in allowed:
            raise _refusal(owner, name, value, f"one of {', '.join(map(str, allowed))}")


def is_path(weights: object) -> bool:
    """Return whether `weights` is a path: names of weights contain neither a slash nor a dot."""
    return isinstance(weights, str) and ("/" in weights or "." in weights)


def _refusal(owner: object, name: str, value: object, wanted: str) -> SparksError:
    return SparksError(f"{type(owner).__name__}: {name}={value!r} is not {wanted}")
