"""Settings as JSON Schema: types, ranges and meanings, for refusals and the reference page."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from sparks_thesis.common.settings import INSTANCE_OF, defaults
from sparks_thesis.settings.root import Root


class _WithoutDefaults(GenerateJsonSchema):
    """Keys, types and meanings alone: a default that follows another key is of no type yet."""

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


@cache
def schema() -> dict[str, Any]:
    """Return the whole schema."""
    return Root.model_json_schema(schema_generator=_WithoutDefaults)


def resolved(found: Any) -> Any:
    """Follow `$ref`; what stands beside it holds."""
    while "$ref" in found:
        name = found["$ref"].rpartition("/")[2]
        found = schema()["$defs"][name] | {k: v for k, v in found.items() if k != "$ref"}
    return found


def at(path: Iterable[str | int]) -> Any:
    """Return the schema of a key of the tree, or of a place in a list; empty if it has none."""
    found = schema()
    for step in path:
        inner = found.get("properties", {}).get(step, found.get("additionalProperties", {}))
        inner = found.get("items", {}) if isinstance(step, int) else inner
        found = resolved(inner) if isinstance(inner, dict) else {}
    return found


@cache
def _defaults() -> dict[str, Any]:
    return defaults(Root)


def class_of(key: str) -> str:
    """Return the class that an object at a key must be of, or inherit from; empty if any will do.

    It is the class that the setting names, or else that of its default.
    """
    path = [int(step) if step.isdigit() else step for step in key.split(".")]
    wanted = at(path).get(INSTANCE_OF)
    if wanted is None or wanted:
        return wanted or ""
    default: Any = _defaults()
    for step in path:
        default = default[step]
    return str(default["_target_"])
