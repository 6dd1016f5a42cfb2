"""Static pages: their templates, the folder that appears whole, the style of all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sparks.errors import SparksError

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


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its place when the block succeeds.

    A killed or failed block leaves `path` as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        old = temporary.with_name(temporary.name + ".old")
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise SparksError(
                f"cannot write {path}: {error}. Free some space or choose another folder, then "
                "run the same command again; nothing half-written was left."
            ) from error
        raise
