"""The figures of CRAFT show the numbers they are given."""

import numpy as np
import pytest

from sparks.errors import SparksError
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.craft.figure_class import CraftClass
from sparks_thesis.craft.figure_deletion import CraftDeletion
from sparks_thesis.craft.figure_mistake import CraftMistake
from sparks_thesis.craft.figure_recursion import CraftRecursion
from sparks_thesis.craft.figure_unified import Unified

from ..common.drawn import texts
from ..common.rows import results, row

GENERATOR = np.random.default_rng(0)


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
            row(f"{metric} curve", value, method, dictionary="NMF", concepts=step, target=target)
            for metric in ("C-Deletion", "C-Insertion")
            for method, start in (("Sobol", 4.0), ("TCAV", 6.0))
            for target, shift in ((0, 0.0), (1, 2.0))
            for step, value in ((0, start + shift), (1, 1.0))
        ]
        + [
            row(metric, value, method, dictionary="NMF", image=i)
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
