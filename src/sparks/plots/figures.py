"""Whole figures of explanations, from tensors or arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparks.errors import SparksError
from sparks.plots.axes import COLOURS, band, bare, bars, picture, strip
from sparks.plots.axes import overlay as draw_overlay

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches: the side of a picture, the room for names above or beside it, and for concepts' names.
SIDE, NAMES, CONCEPT = 1.4, 0.4, 0.9
Array = Any  # a tensor on any device, a NumPy array, or nested lists


def overlay(
    images: Array,
    maps: Array | Mapping[str, Array],
    names: Sequence[str] | None = None,
    percentile: float = 99.5,
) -> Figure:
    """Draw images, each beside its attribution maps laid over it.

    Red raises the score of the class, blue lowers it, and the image shows where a map is near 0.

    Args:
        images: (N, C, H, W) or one (C, H, W), in [0, 1], with one or three channels.
        maps: (N, h, w) or one (h, w), in pixels or in coarser cells; or name of a method → maps.
        names: of the images, written beside them.
        percentile: of |map| that has full colour, in (0, 100]; each map is divided by its own.

    Returns:
        A figure with a row an image: the image, then a column a method.

    Raises:
        SparksError: when shapes do not fit each other.

    Example:
        >>> figure = overlay(images, {"Saliency": maps, "Sobol": maps[:, ::4, ::4]})
        >>> len(figure.axes)  # two rows of an image and two maps
        6
    """
    x = _images(images)
    if not 0 < percentile <= 100:
        raise SparksError(f"overlay: percentile={percentile} is not in (0, 100]")
    methods = maps if isinstance(maps, Mapping) else {"": maps}
    columns = {name: _maps(name, values, len(x)) for name, values in methods.items()}
    _check_names("overlay", names, len(x), "images")
    figure, axes = _canvas(len(x), 1 + len(columns))
    for row, image in enumerate(x):
        picture(axes[row, 0], image)
        if names is not None:
            axes[row, 0].set_ylabel(names[row])
        for axis, (name, values) in zip(axes[row, 1:], columns.items(), strict=True):
            finite = np.abs(values[row][np.isfinite(values[row])])
            most = float(np.percentile(finite, percentile)) if finite.size else 0.0
            draw_overlay(axis, image.mean(0), values[row] / (most or 1.0), 1.0)
            bare(axis)
            if row == 0:
                axis.set_title(name)
    return figure


def concepts(
    crops: Sequence[Array] | Array,
    importance: Array | None = None,
    names: Sequence[str] | None = None,
    top: int | None = None,
) -> Figure:
    r"""Draw the crops of each concept, the most important concept first.

    Args:
        crops: of each of k concepts, (m, C, h, w) in [0, 1]; m may differ. `Concepts.top(concept,
            m).cut(images)` gives them.
        importance: of each concept, (k,), or of each image and concept, (N, k), as `Craft.rank`
            gives it; the order of `crops` if not given.
        names: of the concepts; "concept 0" and so on if not given.
        top: show so many; all if not given.

    Returns:
        A figure with a row a concept, its name and importance beside it.

    Raises:
        SparksError: when there are no crops, or numbers do not fit each other.

    Example:
        >>> figure = concepts(crops, importance, top=2)
        >>> [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
        ['concept 1\n0.70', 'concept 2\n0.20']
    """
    rows = [_images(one) for one in crops]
    k = len(rows)
    labels = _labels("concepts", names, k)
    order = list(range(k))
    if importance is not None:
        mean = _of_concepts("concepts", importance, k).mean(0)
        order = _descending(mean)
        labels = [f"{label}\n{value:.2f}" for label, value in zip(labels, mean, strict=True)]
    order = order[:top]
    if not order or not all(len(rows[concept]) for concept in order):
        raise SparksError("concepts: there is no crop to draw: give one or more of each concept")
    figure, axes = _canvas(len(order), max(len(rows[concept]) for concept in order), CONCEPT)
    for place, concept in enumerate(order):
        few = len(rows[concept])
        strip(list(axes[place, :few]), rows[concept])
        for axis in axes[place, few:]:
            axis.set_axis_off()
        look: Any = {"color": _colour(place), "rotation": 0, "ha": "right", "va": "center"}
        axes[place, 0].set_ylabel(labels[concept], **look)
    return figure


def importances(
    values: Array,
    names: Sequence[str] | None = None,
    xlabel: str = "importance",
) -> Figure:
    """Draw the importance of each concept (or of any features) as bars, the largest first.

    Args:
        values: (k,); or (N, k), of each of N images, whose mean is drawn with its 95 % bootstrap
            interval over images.
        names: of the concepts; "concept 0" and so on if not given.
        xlabel: what importance means.

    Returns:
        A figure with one axis, coloured as `concepts` colours the same concepts.

    Raises:
        SparksError: when values are neither (k,) nor (N, k), or names are not k.

    Example:
        >>> figure = importances(importance, ["beak", "wing", "sky"])
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['wing', 'sky', 'beak']
    """
    from sparks.stats import Bootstrap

    table = _of_concepts("importances", values, None)
    labels = _labels("importances", names, table.shape[1])
    order = _descending(table.mean(0))
    ends = None
    if len(table) > 1:
        intervals = [Bootstrap().mean(table[:, concept]) for concept in order]
        ends = (np.array([i.low for i in intervals]), np.array([i.high for i in intervals]))
    figure = _figure(3.5, NAMES + 0.25 * len(order))
    axis = figure.subplots()
    colours = [_colour(place) for place in range(len(order))]
    bars(axis, table.mean(0)[order], [labels[concept] for concept in order], colours, ends)
    axis.set_xlabel(xlabel)
    return figure


def curves(
    scores: Array | Mapping[str, Array],
    xlabel: str = "share of features",
    ylabel: str = "score",
) -> Figure:
    """Draw deletion or insertion curves: the mean over images, and its 95 % bootstrap interval.

    Args:
        scores: (N, steps + 1) at shares 0, 1 / steps, …, 1, as `Deletion().curves(model, x,
            target, maps)` gives them; or name of a method → such scores.
        xlabel: of the horizontal axis.
        ylabel: of the vertical axis.

    Returns:
        A figure with one axis and a line a method.

    Raises:
        SparksError: when scores are not (N, steps + 1) with at least one image and one step.

    Example:
        >>> figure = curves({"Sobol": torch.rand(5, 11), "Random": torch.rand(5, 11)})
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['Sobol', 'Random']
    """
    from sparks.stats import Bootstrap

    lines = scores if isinstance(scores, Mapping) else {"": scores}
    figure = _figure(3.5, 2.6)
    axis = figure.subplots()
    for place, (name, values) in enumerate(lines.items()):
        table = _array(values)
        if table.ndim != 2 or not len(table) or table.shape[1] < 2:
            raise SparksError(
                f"curves: scores of shape {table.shape} are not (N, steps + 1) of images"
            )
        shares = np.linspace(0, 1, table.shape[1]).tolist()
        intervals = [Bootstrap().mean(column) for column in table.T]
        band(axis, shares, intervals, color=_colour(place), label=name, lw=1.2)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if any(lines):
        axis.legend(frameon=False)
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _canvas(rows: int, columns: int, beside: float = NAMES) -> tuple[Figure, NDArray[Any]]:
    """Return a figure of square cells, and its axes (rows, columns)."""
    figure = _figure(SIDE * columns + beside, SIDE * rows + NAMES)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _descending(values: NDArray[Any]) -> list[int]:
    return [int(i) for i in np.argsort(-values, kind="stable")]


def _array(values: Array) -> NDArray[Any]:
    if hasattr(values, "detach"):
        values = values.detach().float().cpu()
    return np.asarray(values, dtype=np.float64)


def _images(values: Array) -> NDArray[Any]:
    """Return images (N, C, H, W) with one or three channels."""
    found = _array(values)
    found = found[None] if found.ndim == 3 else found
    if found.ndim != 4 or found.shape[1] not in (1, 3):
        raise SparksError(
            f"plots: images of shape {found.shape} are not (N, C, H, W) with 1 or 3 channels"
        )
    return found.clip(0, 1)


def _maps(name: str, values: Array, n: int) -> NDArray[Any]:
    found = _array(values)
    found = found[None] if found.ndim == 2 else found
    if found.ndim != 3 or len(found) != n:
        of = f" of {name}" if name else ""
        raise SparksError(f"overlay: maps{of} of shape {found.shape} do not fit {n} images")
    return found


def _of_concepts(caller: str, values: Array, k: int | None) -> NDArray[Any]:
    """Return importances (N, k)."""
    found = np.atleast_2d(_array(values))
    if found.ndim != 2 or found.size == 0 or k not in (None, found.shape[1]):
        wanted = "(k,) or (N, k)" if k is None else f"({k},) or (N, {k})"
        raise SparksError(f"{caller}: importances of shape {found.shape} are not {wanted}")
    return found


def _labels(caller: str, names: Sequence[str] | None, k: int) -> list[str]:
    _check_names(caller, names, k, "concepts")
    return [f"concept {i}" for i in range(k)] if names is None else list(names)


def _check_names(caller: str, names: Sequence[str] | None, n: int, of: str) -> None:
    if names is not None and len(names) != n:
        raise SparksError(f"{caller}: {len(names)} names for {n} {of}: give one each")
