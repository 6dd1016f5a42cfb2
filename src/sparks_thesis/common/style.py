"""Style of every figure: one look, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparks.plots.axes import band

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sparks.stats import Bootstrap

# Widths in inches, of one and of two columns of text.
COLUMN, PAGE = 3.5, 7.2

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.hashsalt": "sparks",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Drawing:
    """A figure, and the caption that says what it shows."""

    figure: Figure
    caption: str


@contextmanager
def style() -> Iterator[None]:
    """Draw in the project's style, without a display."""
    import matplotlib as mpl

    mpl.use("Agg")
    with mpl.rc_context(_RC):
        yield


def mean_line(axis: Axes, rows: pd.DataFrame, by: str, bootstrap: Bootstrap, **look: Any) -> None:
    """Draw the mean of the column "value" against the column `by`, its interval as a band.

    Args:
        axis: to draw on.
        rows: a line each unit and place; of none, nothing is drawn, and the legend has no entry.
        by: column of places.
        bootstrap: of the means, over the rows of a place.
        look: of the line, as for `plot`, with its colour.
    """
    if rows.empty:
        return
    found = [(place, bootstrap.mean(group["value"])) for place, group in rows.groupby(by)]
    band(axis, [place for place, _ in found], [interval for _, interval in found], **look)


def save(figure: Figure, path: str | Path, origin: str = "") -> None:
    """Write a figure to a PDF or PNG, without a date: the same figure gives the same bytes.

    Args:
        figure: to be written.
        path: ends in .pdf or .png.
        origin: where the figure comes from, written into the file: the subject of a PDF, the
            description of a PNG.
    """
    from sparks.io import atomic

    suffix = Path(path).suffix
    metadata: dict[str, str | None] = {
        ".pdf": {"CreationDate": None, "Subject": origin or None},
        ".png": {"Software": None, "Description": origin or None},
    }[suffix]
    with style(), atomic(path) as temporary:
        figure.savefig(temporary, metadata=metadata, format=suffix[1:], bbox_inches="tight")
