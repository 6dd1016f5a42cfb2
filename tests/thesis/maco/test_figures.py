"""Figures of MACO, on made-up pictures."""

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.maco.figures import Grid, Inversion, Spectrum, _row

METHODS = ["MACO", "Fourier", "my own"]


@pytest.fixture
def kept():
    generator = np.random.default_rng(0)
    arrays = {"inverted": generator.random((2, 3, 8, 8))}
    for kind, count in (("logit", 2), ("channel", 3), ("concept", 2), ("inversion", 2)):
        arrays[f"{kind}.example"] = generator.random((count, 3, 8, 8))
        for method in METHODS:
            arrays[f"{kind}.{method}"] = generator.random((count, 3, 16, 16))
            arrays[f"{kind}.{method}.alpha"] = generator.random((count, 16, 16))
    for name in ("natural images", *METHODS):
        arrays[f"frequencies.{name}"] = np.array([0.1, 0.2, 0.4])
        arrays[f"power.{name}"] = generator.random(3) + 0.1
    metadata = {"classes": ["a+b", "c"], "channels": [0, 4, 9], "methods": METHODS}
    metadata |= {"concept_class": "c", "concepts": [7, 1], "layer": "last"}
    return FigureData("toy", "net", arrays, metadata)


def scores():
    rows = [
        {"method": method, "value": value + 0.01 * i}
        for method, value in (("natural images", 0.2), ("MACO", 0.21), ("Fourier", 0.5))
        for i in range(4)
    ] + [{"method": "my own", "value": 0.3}]
    named = {"dataset": "toy", "model": "net", "metric": "HighFrequencyShare", "objective": "logit"}
    return pd.DataFrame(rows).assign(**named)


def titles(figure):
    return [axis.get_title() for axis in figure.axes]


def test_grid(kept):
    drawing = Grid()([kept])
    # Seven features, each as an example, by three methods, and once more on white.
    assert len(drawing.figure.axes) == 7 * 5
    assert {"a+\nb", "\nc", "\n4", "\n7"} <= set(titles(drawing.figure))
    assert "class c" in drawing.caption


def test_transparent_pictures_lie_on_white(kept):
    kept.arrays["logit.MACO.alpha"][0] = 0
    kept.arrays["logit.MACO.alpha"][1] = 1
    shown = _row(kept, "logit", "MACO + α")
    assert float(shown[0].min()) == 1
    assert np.array_equal(shown[1], kept.arrays["logit.MACO"][1])


def test_inversion(kept):
    drawing = Inversion()([kept])
    assert len(drawing.figure.axes) == 2 * 6
    assert titles(drawing.figure)[:4] == ["Image", "MACO", "α", "MACO + α"]


def test_spectrum(kept):
    drawing = Spectrum()([kept], scores())
    left, right = drawing.figure.axes
    assert [line.get_label() for line in left.get_lines()[:2]] == ["Natural images", "MACO"]
    assert [text.get_text() for text in right.get_yticklabels()] == [
        "Natural images", "MACO", "Fourier", "My own",
    ]  # fmt: skip


@pytest.mark.parametrize("draw", [Grid(), Inversion()])
def test_nothing_drawn(draw):
    with pytest.raises(SparksError, match="study maco"):
        draw([])
    with pytest.raises(SparksError, match="study maco"):
        Spectrum()([], scores())
