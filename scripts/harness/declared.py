"""Read what a script declares, without running it."""

from __future__ import annotations

import ast
from pathlib import Path

from harness.targets import tree


def declared_parts(script: Path) -> tuple[str, ...]:
    """Return the `PARTS` of a script: the keys of the configuration that its job depends on."""
    for node in tree(script).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PARTS":
            parts: tuple[str, ...] = ast.literal_eval(node.value)
            return parts
    raise ValueError(f"{script} declares no PARTS")
