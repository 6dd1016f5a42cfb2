"""Shared parts of the figures of concepts: maps, and the order of runs and layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparks.plots.axes import picture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Share of a map's pixels that is drawn: CRAFT shows what lies above the 90th percentile.
SHOWN = 0.9


def runs_in_order(
    rows: pd.DataFrame, datasets: Sequence[str]
) -> list[tuple[str, str, pd.DataFrame]]:
    """Split results by data set and model, and return both names and the rows of each.

    Args:
        rows: results.
        datasets: in the order of the experiment; others come last.
    """
    order = {name: place for place, name in enumerate(datasets)}
    runs = [(str(d), str(m), own) for (d, m), own in rows.groupby(["dataset", "model"])]
    return sorted(runs, key=lambda run: order.get(run[0], len(order)))


def by_depth(scores: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Sort the layers among `names` from input to output, by the rows "LayerDepth"."""
    rows = scores[scores["metric"] == "LayerDepth"]
    depth = dict(zip(rows["layer"], rows["value"], strict=True))
    return sorted(set(names), key=lambda name: (depth.get(name, -1.0), name))


def concept_map(axis: Axes, image: NDArray[Any], values: NDArray[Any], colour: str) -> None:
    """Draw a grey image with a concept's map (H, W) in one colour over it."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    grey = np.repeat(image.mean(0, keepdims=True), 3, 0)
    picture(axis, 0.35 + 0.6 * grey)
    if values.max() <= 0:
        return
    level = max(float(np.quantile(values, SHOWN)), 1e-12)
    red, green, blue, _ = to_rgba(colour)
    ramp = LinearSegmentedColormap.from_list("c", [(red, green, blue, 0), (red, green, blue, 1)])
    axis.imshow(np.clip(values / values.max(), 0, 1), cmap=ramp, vmin=0, vmax=1, alpha=0.85)
    axis.contour(values, levels=[level], colors=[colour], linewidths=0.9)
