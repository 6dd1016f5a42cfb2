"""Static pages: their templates, and the style of all."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

# The style sheet of every page.
STYLE = Path(__file__).parent / "static" / "site.css"


@lru_cache
def environment(templates: Path) -> Environment:
    """Return the templates of a folder, everything escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Bokeh reads objects in the order they were written in.
    made.policies["json.dumps_kwargs"] = {"sort_keys": False}
    made.filters["percent"] = lambda share, digits=0: f"{100 * share:.{digits}f}\u00a0%"
    made.filters["change"] = lambda value: f"{round(value, 2) + 0.0:+.2f}".replace("-", "\u2212")
    return made
