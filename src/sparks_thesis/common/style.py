"""Style of every figure: one look, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

    from sparks.stats import Bootstrap

# Widths in inches, of one and of two columns of text.
COLUMN, PAGE = 3.5, 7.2

# Signed maps: blue lowers the score, white is 0, red raises it.
SIGNED = "RdBu_r"

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


def overlay(axis: Axes, grey: NDArray[Any], values: NDArray[Any], most: float) -> AxesImage:
    """Draw a signed map over a pale copy of its image; the weaker the map, the clearer the image.

    Args:
        axis: to draw on.
        grey: the image, (H, W) in [0, 1].
        values: the map, (h, w) cells or pixels.
        most: |value| of full colour and opacity; larger values are drawn as this one.

    Returns:
        The map, for a colour bar.
    """
    import numpy as np

    axis.imshow(0.4 * grey + 0.6, cmap="gray", vmin=0, vmax=1)
    opacity = np.nan_to_num(np.sqrt(np.clip(np.abs(values) / most, 0, 1)))
    extent = (-0.5, grey.shape[1] - 0.5, grey.shape[0] - 0.5, -0.5)
    return axis.imshow(values, cmap=SIGNED, vmin=-most, vmax=most, alpha=opacity, extent=extent)


def mean_line(axis: Axes, rows: pd.DataFrame, by: str, bootstrap: Bootstrap, **look: Any) -> None:
    """Draw the mean of the column "value" against the column `by`, its interval as a band.

    Args:
        axis: to draw on.
        rows: a line each unit and place; nothing is drawn of none.
        by: column of places.
        bootstrap: of the means, over the rows of a place.
        look: of the line, as for `plot`, with its colour.
    """
    found = [(place, bootstrap.mean(group["value"])) for place, group in rows.groupby(by)]
    places: Any = [place for place, _ in found]
    axis.plot(places, [i.mean for _, i in found], **look)
    low, high = [i.low for _, i in found], [i.high for _, i in found]
    axis.fill_between(places, low, high, color=look["color"], alpha=0.12, lw=0)


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
