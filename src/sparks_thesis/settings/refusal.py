"""Refuse a tree that is not what the settings say: one line with key, value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from sparks.errors import SparksError
from sparks_thesis.settings.root import Root
from sparks_thesis.settings.schema import at


def check(tree: Mapping[str, Any]) -> None:
    """Check the keys, types and ranges of a whole configuration.

    Args:
        tree: resolved, as plain dicts and lists.

    Raises:
        SparksError: of the outermost key that is wrong: `seed` before what is made from it.
    """
    try:
        Root.model_validate(tree)
    except ValidationError as error:
        found = [(_path(one, tree), one) for one in error.errors(include_url=False)]
        path, first = min(found, key=lambda one: len(one[0]))
        # Of a union, each member says what it wants.
        messages = dict.fromkeys(_message(one) for where, one in found if where == path)
        raise SparksError(_line(first, path, " or ".join(messages))) from None


def _line(error: Mapping[str, Any], path: list[Any], message: str) -> str:
    key = ".".join(map(str, path))
    if error["type"] == "extra_forbidden":
        known = sorted(at(path[:-1]).get("properties", {}))
        near = get_close_matches(str(path[-1]), known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{key}: there is no such key; allowed: {known}{hint}"
    meaning = at(path).get("description", "")
    about = f" ({meaning})" if meaning else ""
    value = "" if error["type"] == "missing" else f"={error['input']!r}"
    return f"{key}{value}: {message}{about}"


def _path(error: Mapping[str, Any], tree: Any) -> list[Any]:
    """Return the keys that lead to an error, without what pydantic calls the members of a union."""
    path = []
    for step in error["loc"]:
        inside = step in tree if isinstance(tree, dict) else isinstance(step, int)
        if inside and isinstance(tree, dict | list):
            path.append(step)
            tree = tree[step]
    return [*path, error["loc"][-1]] if error["type"] == "missing" else path


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "this key is missing"
    text = str(error["msg"]).removeprefix("Value error, ").replace(" after validation,", ",")
    text = text.partition(" or instance of ")[0]
    return re.sub(r"^(Input|String|List|Dictionary) should ", "must ", text)
