"""Progress of long work: a bar with rate and time left in a terminal, plain lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

# A line of a log, as seldom as LOG_INTERVAL seconds: a bar redrawn in a file is unreadable.
LOG_FORMAT = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
LOG_INTERVAL = 10.0


def progress(
    iterable: Iterable[Any] | None = None,
    total: int | None = None,
    unit: str = "it",
    description: str = "",
    initial: int = 0,
    file: TextIO | None = None,
) -> tqdm[Any]:
    """Wrap an iterable, or count by hand with `.update(n)`, and show rate and time left.

    Args:
        iterable: what to go through; None to call `.update` oneself (in a `with` block).
        total: how many there are, where `iterable` has no length.
        unit: the name of one item, such as "image".
        description: what is going on, shown first.
        initial: how many were done before (a resumed run).
        file: where to show it; standard error by default.
    """
    from tqdm import tqdm

    file = sys.stderr if file is None else file
    common: dict[str, Any] = {"total": total, "desc": description, "initial": initial}
    if file.isatty():
        return tqdm(iterable, unit=unit, file=file, dynamic_ncols=True, unit_scale=True, **common)
    return tqdm(
        iterable,
        unit=f" {unit}s",
        file=_Lines(file),
        mininterval=LOG_INTERVAL,
        maxinterval=LOG_INTERVAL,
        bar_format=LOG_FORMAT,
        **common,
    )


class _Lines:
    """A text stream that turns the carriage returns of a bar into lines."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, text: str) -> None:
        if line := text.strip():
            self.file.write(line + "\n")

    def flush(self) -> None:
        self.file.flush()
