"""The figures of the holistic framework show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest

from sparks_thesis.holistic.figure_clusters import Clusters
from sparks_thesis.holistic.figure_dictionaries import DictionariesK
from sparks_thesis.holistic.figure_importance import ImportanceLayers
from sparks_thesis.holistic.figure_prevalence import Prevalence

from ..common.drawn import texts
from ..common.rows import DEPTHS, results, row


def test_importance_is_shown_by_layer():
    table = results(
        [
            row(metric, value + 0.01 * image, method, layer=layer, image=image)
            for metric, sign in (("C-Deletion", 1), ("C-Insertion", -1), ("C-MuFidelity", -1))
            for layer in ("a_last", "z_first")
            for method, value in (("Good", sign * 1.0), ("Bad", sign * 3.0))
            for image in range(4)
        ]
        + [row("LogitGap", 0.5, "NMF", layer=layer, image=i) for layer in ("a_last", "z_first")
           for i in range(4)]
        + DEPTHS
    )  # fmt: skip
    drawing = ImportanceLayers()(table)
    assert "0.50 at z_first, 0.50 at a_last" in drawing.caption
    gaps = drawing.figure.axes[0].containers[0].lines[0].get_xdata()
    assert sorted(gaps) == pytest.approx([0, 2])
    names = [t.get_text() for t in drawing.figure.legends[0].get_texts()]
    assert names == ["z_first", "a_last"]


def test_dictionaries_against_their_size():
    table = results(
        [
            row(metric, value, "NMF", analysis="sweep", concepts=k, target=target)
            for metric in (
                "RelativeL2",
                "Sparsity",
                "CodeHoyer",
                "Stability",
                "RelativeFrechet",
                "OOD",
            )
            for k, value in ((2, 0.5), (10, 0.25))
            for target in range(3)
        ]
        + [
            row("StabilityChance", 0.125 * k, "NMF", analysis="sweep", concepts=k, target=target)
            for k in (2, 4)
            for target in range(3)
        ]
    )
    drawing = DictionariesK()(table)
    dotted = [a for a in drawing.figure.axes[3].get_lines() if a.get_linestyle() == ":"]
    assert list(next(a for a in dotted if len(a.get_xdata())).get_ydata()) == [0.25, 0.5]
    line = drawing.figure.axes[0].get_lines()[0]
    assert list(line.get_xdata()) == [2, 10]
    assert list(line.get_ydata()) == [0.5, 0.25]
    assert "mean over 3 classes" in drawing.caption
    (legend,) = drawing.figure.legends
    assert {text.get_text() for text in legend.get_texts()} == set(table["method"]) - {""}


def clouds():
    values = {"ClusterX": range(20), "ClusterY": range(20)}
    values |= {"Dominant": [0] * 15 + [3] * 5, "Correct": [1] * 19 + [0]}
    table = [
        row(metric, value, "NMF", class_name="disc+star", image=image)
        for metric, column in values.items()
        for image, value in enumerate(column)
    ]
    of_concepts = {
        "Prevalence": [0.75, 0, 0, 0.25],
        "Reliability": [1.0, np.nan, np.nan, 0.8],
        "GlobalImportance": [0.5, 0.1, 0.1, 0.3],
        "Dominated": [15, 0, 0, 5],
    }
    table += [
        row(metric, value, "NMF", class_name="disc+star", concept=concept)
        for metric, column in of_concepts.items()
        for concept, value in enumerate(column)
    ]
    return pd.DataFrame(table)


def test_clusters_show_shares_and_mistakes():
    drawing = Clusters()(clouds())
    assert {"0: 75%", "3: 25%", "disc+star"} <= texts(drawing.figure)
    assert "1 to 1 a class" in drawing.caption
    points = sum(len(c.get_offsets()) for c in drawing.figure.axes[0].collections)
    assert points == 20


def test_prevalence_leaves_out_concepts_that_dominate_nothing():
    drawing = Prevalence()(clouds())
    left, right = drawing.figure.axes
    assert left.get_lines()[0].get_xydata().tolist() == [[0.75, 1.0], [0.25, 0.8]]
    # Of n = 15 that are all right: from n / (n + z²) to 1.
    (low, high), _ = (bar[:, 1] for bar in left.collections[0].get_segments())
    assert (low, high) == (pytest.approx(15 / (15 + 1.959964**2)), 1)
    assert len(right.collections[0].get_offsets()) == 4
    assert "50% of them below 1" in drawing.caption
