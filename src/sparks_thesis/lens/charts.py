"""The charts of a page, by Bokeh, as the JSON that its script draws in the browser.

Text and grid have colours that stand for those of the page, which is light or dark:
`static/site.js` puts these in. A click on a concept leads to its place on the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

INK, GRID = "#010203", "#040506"
# One colour and one marker an important concept, chosen for colour-blind readers (Okabe & Ito,
# Tol); all others are grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
           "#56B4E9", "#999933", "#882255", "#DDAA33", "#AA4499")  # fmt: skip
GREY = "#8a8a94"
MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle",
           "hex", "star", "plus", "x", "asterisk")  # fmt: skip

# Side of an image shown on hover, in pixels, about.
HOVER = 80

Array = NDArray[Any]


def colours(important: Array) -> list[str]:
    """Return the colour of each concept of a class, (k,), by whether it is important."""
    return [COLOURS[c % len(COLOURS)] if yes else GREY for c, yes in enumerate(important)]


def clusters(
    plane: Array, dominant: Array, important: Array, sprite: str, grid: tuple[int, int]
) -> Any:
    """Draw the strategic cluster graph: a point an image, coloured by its dominant concept.

    Args:
        plane: coordinates (N, 2).
        dominant: concept of each image, (N,).
        important: whether each concept is important, (k,).
        sprite: address of the images' sheet.
        grid: columns of the sheet, and side of an image in pixels.
    """
    from bokeh.models import HoverTool

    columns, side = grid
    # Small images are enlarged until they can be seen.
    times = max(1, round(HOVER / side))
    side *= times
    place = np.arange(len(plane))
    known = colours(important)
    data: dict[str, Any] = {
        "x": plane[:, 0].astype(np.float32),
        "y": plane[:, 1].astype(np.float32),
        "left": (place % columns * side).astype(np.int32),
        "top": (place // columns * side).astype(np.int32),
        "concept": (dominant + 1).astype(np.int32),
        "name": [f"concept {c + 1}" for c in dominant],
        "legend": [f"concept {c + 1}" if important[c] else "others" for c in dominant],
        "colour": [known[c] for c in dominant],
        "marker": [MARKERS[c % len(MARKERS)] if important[c] else "circle" for c in dominant],
    }
    # Concepts in order, the important ones first, so that the legend is.
    order = np.lexsort((dominant, ~important[dominant]))
    data = {
        key: value[order] if isinstance(value, np.ndarray) else [value[i] for i in order]
        for key, value in data.items()
    }
    figure = _figure(height=380)
    figure.axis.visible = False
    figure.scatter(
        "x", "y", marker="marker", color="colour", legend_field="legend", size=9, alpha=0.8,
        line_color=None, source=data,
    )  # fmt: skip
    figure.add_layout(figure.legend[0], "right")
    _legend(figure)
    shown = (
        f'<div class="thumbnail" style="width:{side}px;height:{side}px;'
        f"background:url({sprite}) -@{{left}}px -@{{top}}px / {columns * side}px auto"
        '"></div><div>@name</div>'
    )
    figure.add_tools(HoverTool(tooltips=shown))
    _leads_to_concept(figure)
    return as_json(figure)


def bars(importance: Array, low: Array, high: Array, important: Array) -> Any:
    """Draw the importance of each concept with its interval; all (k,), shares in [0, 1]."""
    from bokeh.models import HoverTool

    names = [f"concept {c + 1}" for c in range(len(importance))]
    known = {"low": low, "high": high}
    data = {
        "name": names,
        "concept": np.arange(1, len(names) + 1, dtype=np.int32),
        "value": importance * 100,
        "colour": colours(important),
        **{key: np.where(np.isnan(v), importance, v) * 100 for key, v in known.items()},
    }
    figure = _figure(height=60 + 28 * len(names), y_range=names[::-1])
    figure.xaxis.axis_label = "share of the logit, %"
    figure.hbar(y="name", right="value", height=0.7, color="colour", source=data)
    figure.segment(
        x0="low", x1="high", y0="name", y1="name", color=INK, line_width=1.5, source=data
    )
    figure.x_range.start = 0
    tip = [("", "@name"), ("share", "@value{0.0} %"), ("interval", "@low{0.0} to @high{0.0} %")]
    figure.add_tools(HoverTool(tooltips=tip))
    _leads_to_concept(figure)
    return as_json(figure)


def similarity(place: Array, importance: Array, important: Array) -> Any:
    """Draw the concepts of a class as bubbles (k,): near ones are alike, large ones count more."""
    from bokeh.models import HoverTool

    k = len(importance)
    data = {
        "x": place[:, 0],
        "y": place[:, 1],
        "size": (14 + 46 * np.sqrt(importance)).astype(np.float32),
        "value": importance * 100,
        "concept": np.arange(1, k + 1, dtype=np.int32),
        "label": [str(c + 1) for c in range(k)],
        "colour": colours(important),
    }
    figure = _figure(height=320, match_aspect=True)
    figure.axis.visible = False
    # Room for the bubbles, which are drawn beyond their centres.
    figure.x_range.range_padding = figure.y_range.range_padding = 0.3
    figure.scatter("x", "y", size="size", color="colour", alpha=0.55, source=data)
    figure.text(
        "x", "y", text="label", text_align="center", text_baseline="middle", text_color=INK,
        text_font_size="13px", source=data,
    )  # fmt: skip
    figure.add_tools(HoverTool(tooltips=[("concept", "@concept"), ("share", "@value{0.0} %")]))
    _leads_to_concept(figure)
    return as_json(figure)


def by_rank(importance: Mapping[str, Array]) -> Any:
    """Draw the importance of concepts by rank, a line a model: name → (k,)."""
    from bokeh.models import HoverTool

    figure = _figure(height=300)
    figure.xaxis.axis_label, figure.yaxis.axis_label = "rank of the concept", "share of logit, %"
    figure.xaxis.ticker = list(range(1, max(map(len, importance.values())) + 1))
    for number, (name, values) in enumerate(importance.items()):
        data = {
            "rank": np.arange(1, len(values) + 1, dtype=np.int32),
            "value": values * 100,
            "model": [name] * len(values),
        }
        look = {"color": COLOURS[number % len(COLOURS)], "source": data}
        figure.line("rank", "value", legend_label=name, line_width=2, **look)
        marker = MARKERS[number % len(MARKERS)]
        figure.scatter("rank", "value", legend_label=name, marker=marker, size=8, **look)
    _legend(figure)
    figure.y_range.start = 0
    tip = [("", "@model"), ("rank", "@rank"), ("share", "@value{0.0} %")]
    figure.add_tools(HoverTool(tooltips=tip))
    return as_json(figure)


def _figure(height: int, **more: Any) -> Any:
    from bokeh.plotting import figure as new

    figure: Any = new(
        height=height, sizing_mode="stretch_width", toolbar_location=None, tools="",
        background_fill_alpha=0, border_fill_alpha=0, outline_line_color=None, **more,
    )  # fmt: skip
    figure.axis.axis_label_text_font_style = "normal"
    for name in ("axis_label_text_color", "major_label_text_color", "axis_line_color",
                 "major_tick_line_color", "minor_tick_line_color"):  # fmt: skip
        setattr(figure.axis, name, INK)
    figure.grid.grid_line_color = GRID
    return figure


def _legend(figure: Any) -> None:
    legend = figure.legend[0]
    legend.label_text_color = INK
    legend.background_fill_alpha = 0
    legend.border_line_color = None


def _leads_to_concept(figure: Any) -> None:
    from bokeh.models import OpenURL, TapTool

    figure.add_tools(TapTool(callback=OpenURL(url="#concept-@concept", same_tab=True)))
    for renderer in figure.renderers:
        renderer.nonselection_glyph = None


def as_json(figure: Any) -> Any:
    """Return the JSON from which the browser draws the figure; equal figures give equal JSON."""
    from bokeh.embed import json_item

    return _renumbered(json_item(figure), {})


def _renumbered(node: Any, known: dict[str, str]) -> Any:
    """Renumber objects in order of appearance: Bokeh counts those of a whole process."""
    if isinstance(node, dict):
        return {
            key: known.setdefault(value, f"c{len(known)}")
            if key in ("id", "root_id") and isinstance(value, str)
            else _renumbered(value, known)
            for key, value in node.items()
        }
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_renumbered(value, known) for value in node]
    return node
