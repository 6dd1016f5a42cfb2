"""What the figures of `sparks.plots` hold: sizes, numbers and labels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from sparks import SparksError, plots
from sparks.plots.axes import COLOURS

IMAGES = torch.rand(2, 3, 16, 12, generator=torch.Generator().manual_seed(0))
MAPS = torch.randn(2, 16, 12, generator=torch.Generator().manual_seed(1))


def test_overlay_draws_each_map_over_its_image_by_its_own_scale():
    figure = plots.overlay(IMAGES, {"A": MAPS, "B": 100 * MAPS[:, ::4, ::4]}, ["cat", "dog"])
    axes = np.array(figure.axes).reshape(2, 3)
    assert [axis.get_title() for axis in axes[0]] == ["", "A", "B"]
    assert [axis.get_ylabel() for axis in axes[:, 0]] == ["cat", "dog"]
    assert axes[1, 0].images[0].get_array().shape == (16, 12, 3)
    pale, drawn = axes[1, 1].images
    assert np.allclose(pale.get_array(), 0.4 * IMAGES[1].mean(0) + 0.6)
    assert np.allclose(drawn.get_array() / drawn.get_array().max(), MAPS[1] / MAPS[1].max())
    coarse = axes[1, 2].images[1]
    assert coarse.get_array().shape == (4, 3)
    assert coarse.get_extent() == [-0.5, 11.5, 15.5, -0.5], "cells cover the whole image"
    assert np.abs(coarse.get_array()).max() < 2


@pytest.mark.parametrize("values", [torch.zeros(16, 12), np.full((16, 12), np.nan)])
def test_overlay_draws_one_image_and_maps_without_values(values):
    figure = plots.overlay(IMAGES[0, :1].numpy(), values)
    assert len(figure.axes) == 2
    figure.canvas.draw()


def test_concepts_come_in_order_of_importance_with_their_crops():
    crops = [torch.rand(n, 3, 4, 4) for n in (2, 4, 3)]
    rank = torch.tensor([[0.1, 0.2, 0.6], [0.1, 0.4, 0.8]])
    figure = plots.concepts(crops, rank)
    axes = np.array(figure.axes).reshape(3, 4)
    assert [a.get_ylabel() for a in axes[:, 0]] == [
        "concept 2\n0.70", "concept 1\n0.30", "concept 0\n0.10",
    ]  # fmt: skip
    assert [[bool(a.images) for a in row] for row in axes] == [
        [True] * 3 + [False], [True] * 4, [True] * 2 + [False] * 2,
    ]  # fmt: skip
    assert np.allclose(axes[0, 1].images[0].get_array(), crops[2][1].permute(1, 2, 0))
    assert len(plots.concepts(crops, top=1).axes) == 2


def test_importances_are_means_with_their_intervals_largest_first():
    values = torch.tensor([[0.0, 2.0, 1.0], [0.0, 4.0, 1.0], [0.3, 3.0, 1.0]])
    (axis,) = plots.importances(values, ["a", "b", "c"], xlabel="Sobol index").axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["b", "c", "a"]
    assert np.allclose([bar.get_width() for bar in axis.patches], [3.0, 1.0, 0.1])
    (low, high), *_ = axis.collections[0].get_segments()
    assert 2 <= low[0] < 3 < high[0] <= 4
    assert axis.get_xlabel() == "Sobol index"
    assert axis.yaxis.get_inverted()


def test_curves_are_means_over_images_with_a_band():
    scores = {"Sobol": torch.tensor([[1.0, 0.5, 0.0], [0.8, 0.1, 0.0]]), "Random": torch.ones(2, 3)}
    (axis,) = plots.curves(scores, ylabel="probability").axes
    sobol, random = axis.lines
    assert np.allclose(sobol.get_xydata(), [[0, 0.9], [0.5, 0.3], [1, 0]])
    assert (sobol.get_color(), random.get_label()) == (COLOURS[0], "Random")
    assert len(axis.collections) == 2
    assert [text.get_text() for text in axis.get_legend().texts] == ["Sobol", "Random"]
    assert axis.get_ylabel() == "probability"
    assert plots.curves(torch.rand(3, 5)).axes[0].get_legend() is None


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.overlay(IMAGES, MAPS[:1]), "do not fit 2 images"),
        (lambda: plots.overlay(IMAGES[:, :2], MAPS), "1 or 3 channels"),
        (lambda: plots.overlay(IMAGES, MAPS, ["cat"]), "1 names for 2 images"),
        (lambda: plots.overlay(IMAGES, MAPS, percentile=0), "not in"),
        (lambda: plots.concepts([IMAGES], torch.rand(3)), r"\(1,\) or \(N, 1\)"),
        (lambda: plots.concepts([]), "no crop"),
        (lambda: plots.importances(torch.rand(3), ["a"]), "1 names for 3 concepts"),
        (lambda: plots.importances(torch.rand(2, 3, 4)), r"\(k,\) or \(N, k\)"),
        (lambda: plots.curves(torch.rand(5)), "steps"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(draw, message):
    with pytest.raises(SparksError, match=message) as error:
        draw()
    assert "\n" not in str(error.value)


def test_figures_are_drawn_without_pyplot():
    code = "import sys, torch; from sparks import plots; plots.curves(torch.rand(3, 4));"
    code += "assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
