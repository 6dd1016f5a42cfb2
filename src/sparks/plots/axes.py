"""Parts of figures, each drawn on axes that the caller has made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

    from sparks.stats import Interval

# Signed maps: blue lowers the score, white is 0, red raises it.
SIGNED = "RdBu_r"
# One colour a concept, in order of importance (Okabe & Ito).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")


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
    axis.imshow(0.4 * grey + 0.6, cmap="gray", vmin=0, vmax=1)
    opacity = np.nan_to_num(np.sqrt(np.clip(np.abs(values) / most, 0, 1)))
    extent = (-0.5, grey.shape[1] - 0.5, grey.shape[0] - 0.5, -0.5)
    return axis.imshow(values, cmap=SIGNED, vmin=-most, vmax=most, alpha=opacity, extent=extent)


def picture(axis: Axes, image: NDArray[Any]) -> None:
    """Draw an image (C, H, W), without ticks."""
    axis.imshow(image.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1)
    bare(axis)


def bare(axis: Axes) -> None:
    """Take ticks and frame off."""
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def strip(axes: Sequence[Axes], crops: Sequence[NDArray[Any]] | NDArray[Any]) -> None:
    """Draw pictures (C, H, W), one an axis."""
    for axis, crop in zip(axes, crops, strict=True):
        picture(axis, crop)


def band(axis: Axes, places: Sequence[Any], intervals: Sequence[Interval], **look: Any) -> None:
    """Draw means as a line, and their intervals as a band around it.

    Args:
        axis: to draw on.
        places: on the horizontal axis.
        intervals: of each place.
        look: of the line, as for `plot`, with its colour.
    """
    axis.plot(places, [i.mean for i in intervals], **look)
    low, high = [i.low for i in intervals], [i.high for i in intervals]
    axis.fill_between(places, low, high, color=look["color"], alpha=0.12, lw=0)


def bars(
    axis: Axes,
    values: NDArray[Any],
    names: Sequence[str],
    colours: Sequence[str],
    ends: tuple[NDArray[Any], NDArray[Any]] | None = None,
) -> None:
    """Draw values as horizontal bars, the first at the top.

    Args:
        axis: to draw on.
        values: (k,).
        names: of the bars.
        colours: of the bars.
        ends: of their intervals, low and high, (k,) each; NaN for none.
    """
    place = np.arange(len(values))
    errors = None
    if ends is not None:
        errors = np.abs([np.nan_to_num(end - values) for end in ends])
    axis.barh(place, values, color=list(colours), xerr=errors, error_kw={"lw": 0.8})
    axis.set(yticks=place, yticklabels=list(names))
    axis.invert_yaxis()
