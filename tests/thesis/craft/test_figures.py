"""The figures on concepts show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from sparks.errors import SparksError
from sparks.results import as_results
from sparks_thesis.common.concept_figures import by_depth
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.craft.figure_class import CraftClass
from sparks_thesis.craft.figure_deletion import CraftDeletion
from sparks_thesis.craft.figure_mistake import CraftMistake
from sparks_thesis.craft.figure_recursion import CraftRecursion
from sparks_thesis.craft.figure_unified import Unified
from sparks_thesis.holistic.figure_clusters import Clusters
from sparks_thesis.holistic.figure_dictionaries import DictionariesK
from sparks_thesis.holistic.figure_importance import ImportanceLayers
from sparks_thesis.holistic.figure_prevalence import Prevalence
from sparks_thesis.steering.figures import Steering

GENERATOR = np.random.default_rng(0)


def rows(metric, value, method="", **columns):
    known = {"dataset": "chimera", "model": "convnet", "seed": 0, "experiment": "holistic"}
    return known | {"metric": metric, "method": method, "value": value} | columns


def results(table):
    return as_results(pd.DataFrame(table))


DEPTHS = [rows("LayerDepth", i, layer=v) for i, v in enumerate(("z_first", "a_last"))]


def shown(wrong=True, recursion=True):
    rand = GENERATOR.random
    arrays = {
        "class.crops": rand((2, 3, 3, 8, 8)),
        "class.maco": rand((2, 3, 16, 16)),
        "class.images": rand((2, 3, 8, 8)),
        "class.maps": rand((2, 2, 8, 8)),
        "class.importance": np.array([0.1, 0.6, 0.2]),
        "class.low": np.array([0.05, 0.5, 0.1]),
        "class.high": np.array([0.2, 0.7, 0.3]),
        "class.published": np.array([0.3, 0.1, 0.05]),
        "class.order": np.array([1, 2]),
    }
    if recursion:
        arrays["recursion.parent"] = arrays["class.crops"][0]
        arrays["recursion.crops"] = rand((2, 3, 3, 8, 8))
    for name in ("unified", "mistake"):
        arrays |= {
            f"{name}.image": rand((3, 8, 8)),
            f"{name}.heat": rand((8, 8)),
            f"{name}.maps": np.stack([rand((8, 8)), np.zeros((8, 8))]),
            f"{name}.crops": rand((2, 3, 3, 8, 8)),
            f"{name}.maco": rand((2, 3, 16, 16)),
            f"{name}.share": np.array([0.75, 0.25]),
            f"{name}.order": np.array([4, 0]),
        }
    metadata = {"shown": "disc+star", "wrong": wrong}
    for name in ("unified", "mistake"):
        metadata |= {f"{name}_predicted": "ring+star", f"{name}_label": "disc+cross"}
    return FigureData("chimera", "convnet", arrays, metadata)


def texts(figure):
    return {t.get_text() for t in figure.findobj(Text)}


def test_class_compares_both_designs():
    drawing = CraftClass()([shown()])
    assert "sum to 0.50 times ours, and the most important concept is another" in drawing.caption
    assert "disc+star" in drawing.caption
    assert {"concept 1", "concept 2"} <= texts(drawing.figure)


def test_recursion_names_parent_and_children():
    drawing = CraftRecursion()([shown(recursion=False), shown()])
    assert {"concept 1", "sub-concept 1", "sub-concept 2"} <= texts(drawing.figure)
    with pytest.raises(SparksError, match="two layers"):
        CraftRecursion()([shown(recursion=False)])


def test_one_image_explained():
    drawing = Unified()([shown()])
    assert {"75%", "25%", "concept 4", "image: ring+star"} <= texts(drawing.figure)


def test_mistakes_are_said_to_be_some_only_where_there_are():
    wrong = CraftMistake()([shown(wrong=False), shown()])
    assert "its label is disc+cross, the prediction ring+star" in wrong.caption
    assert "gets no test image of chimera wrong" in CraftMistake()([shown(wrong=False)]).caption


def test_deletion_draws_means_over_classes():
    table = results(
        [
            rows(f"{metric} curve", value, method, dictionary="NMF", concepts=step, target=target)
            for metric in ("C-Deletion", "C-Insertion")
            for method, start in (("Sobol", 4.0), ("TCAV", 6.0))
            for target, shift in ((0, 0.0), (1, 2.0))
            for step, value in ((0, start + shift), (1, 1.0))
        ]
        + [
            rows(metric, value, method, dictionary="NMF", image=i)
            for metric in ("C-Deletion", "C-Insertion")
            for method, value in (("Sobol", 1.25), ("TCAV", 2.5))
            for i in range(3)
        ]
    )
    drawing = CraftDeletion()(table)
    lines = {line.get_label(): line for line in drawing.figure.axes[0].get_lines()}
    assert list(lines["Sobol"].get_ydata()) == [5, 1]
    assert list(lines["TCAV"].get_ydata()) == [7, 1]
    # Of two classes, every fourth resample holds one of them alone: the interval spans both. Where
    # both have the same value there is no interval.
    band = drawing.figure.axes[0].collections[0].get_paths()[0].vertices
    assert set(map(tuple, band)) == {(0, 4), (0, 6)}
    assert "C-Deletion 1.25 by Sobol against 2.50 by TCAV" in drawing.caption
    assert "3 test images" in drawing.caption
    with pytest.raises(SparksError, match="needs curves"):
        CraftDeletion()(table.iloc[:0])


def test_layers_go_from_input_to_output():
    assert by_depth(results(DEPTHS), ["a_last", "z_first"]) == ["z_first", "a_last"]


def test_importance_is_shown_by_layer():
    table = results(
        [
            rows(metric, value + 0.01 * image, method, layer=layer, image=image)
            for metric, sign in (("C-Deletion", 1), ("C-Insertion", -1), ("C-MuFidelity", -1))
            for layer in ("a_last", "z_first")
            for method, value in (("Good", sign * 1.0), ("Bad", sign * 3.0))
            for image in range(4)
        ]
        + [rows("LogitGap", 0.5, "NMF", layer=layer, image=i) for layer in ("a_last", "z_first")
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
            rows(metric, value, "NMF", analysis="sweep", concepts=k, target=target)
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
            rows("StabilityChance", 0.125 * k, "NMF", analysis="sweep", concepts=k, target=target)
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


def clouds():
    values = {"ClusterX": range(20), "ClusterY": range(20)}
    values |= {"Dominant": [0] * 15 + [3] * 5, "Correct": [1] * 19 + [0]}
    table = [
        rows(metric, value, "NMF", class_name="disc+star", image=image)
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
        rows(metric, value, "NMF", class_name="disc+star", concept=concept)
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


def test_steering_tells_where_it_stops_being_linear():
    names = ("Logit", "OtherLogits", "Nonlinearity", "OtherConcepts", "Distance", "Norm", "Angle")
    table = results(
        [
            rows(f"Steering{name}", t * bend, method, layer=layer, t=t, image=image)
            for name in names
            for method in ("concept", "shuffled", "other class")
            for layer, bend in (("z_first", 0.15), ("a_last", 0.0))
            for t in (0.5, 1.0, 2.0)
            for image in range(3)
        ]
        + DEPTHS
    )
    drawing = Steering()(table)
    assert "for the own concept from t = 1 at z_first, never at a_last. Other" in drawing.caption
    line = drawing.figure.axes[2].get_lines()[0]
    assert list(line.get_ydata()) == pytest.approx([0.075, 0.15, 0.3])
