"""The figures of the Sobol chapter, from made-up tables."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from sparks.errors import SparksError
from sparks.results import as_results
from sparks.sensitivity.accuracy import SAMPLERS
from sparks.sensitivity.estimators import ESTIMATORS
from sparks.stats import Bootstrap
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.common.style import save
from sparks_thesis.sobol.figure_budget import Budget
from sparks_thesis.sobol.figure_samplers import Samplers
from sparks_thesis.sobol.figure_walkthrough import Walkthrough

QUICK = Bootstrap(resamples=50)
FUNCTIONS = ("Ishigami, d = 3", "additive, d = 64")
BUDGETS = (66, 132, 264, 528, 1056, 2112)


def rows(method, metric, values, **names):
    known = {"dataset": "d", "model": "m", "seed": 0, "method": method, "metric": metric} | names
    unit = "image" if known["model"] else "repeat"
    columns = {unit: range(len(values)), "value": np.asarray(values, dtype=float)}
    return pd.DataFrame(known | columns)


def together(tables):
    return as_results(pd.concat(tables, ignore_index=True))


def budget_tables():
    spread = np.linspace(-0.1, 0.1, 5)
    scores, costs = [], []
    for method, start in (("Sobol", 0.1), ("HSIC", 0.2)):
        for place, forwards in enumerate(BUDGETS):
            costs.append(rows(method, "Seconds", [forwards / 1000], forwards=forwards))
            for metric in ("Deletion", "Insertion", "MuFidelity"):
                values = start + 0.1 * place + spread
                scores.append(rows(method, metric, values, forwards=forwards))
    return together(scores), together(costs)


def draw_budget():
    return Budget(QUICK)(*budget_tables())


budget = cache(draw_budget)


def axes_titled(drawing, title):
    return next(axis for axis in drawing.figure.axes if axis.get_title() == title)


def test_budget_has_a_line_a_method_against_passes_and_against_time():
    axes = budget().figure.axes
    assert [axis.get_title() for axis in axes[:3]] == ["Deletion ↓", "Insertion ↑", "MuFidelity ↑"]
    assert {axis.get_xlabel() for axis in axes[:3]} == {"forward passes an image"}
    assert {axis.get_xlabel() for axis in axes[3:6]} == {"milliseconds an image"}
    assert {axis.get_ylabel() for axis in axes[6::3]} == {"m on d\nminus Sobol"}
    for axis in axes[:6]:
        lines = {line.get_label(): line for line in axis.get_lines()}
        assert set(lines) == {"Sobol", "HSIC"}
        np.testing.assert_allclose(lines["Sobol"].get_ydata(), 0.1 + 0.1 * np.arange(6))
        # 1 ms a pass: both rows have the same x, but for the little that lines are set apart.
        np.testing.assert_allclose(lines["Sobol"].get_xdata(), BUDGETS, rtol=0.05)


def test_budget_draws_the_interval_of_every_mean():
    for axis in budget().figure.axes[:6]:
        bars = [path.vertices for c in axis.collections for path in c.get_paths()]
        assert len(bars) == 2 * len(BUDGETS)
        for (_, low), (_, high) in bars:
            assert 0.01 < high - low < 0.2


def test_budget_draws_paired_differences():
    """HSIC is about .1 above Sobol on every image: that is sure, however images differ."""
    scores, costs = budget_tables()
    scores.loc[scores["method"] == "HSIC", "value"] += 0.01 * (scores["image"] % 2)
    for axis in Budget(QUICK)(scores, costs).figure.axes[6:]:
        line = next(line for line in axis.get_lines() if line.get_label() == "HSIC")
        np.testing.assert_allclose(line.get_ydata(), 0.1 + 0.01 * 2 / 5)
        bars = [path.vertices for c in axis.collections for path in c.get_paths()]
        assert len(bars) == len(BUDGETS)
        heights = np.array([np.ptp(bar[:, 1]) for bar in bars])
        assert ((heights > 0) & (heights <= 0.01)).all()


def test_budget_says_who_is_best_at_either_end():
    caption = budget().caption
    # Deletion: lower is better.
    assert "Deletion Sobol (0.10, 66) with the fewest passes and Sobol (0.60, 2,112)" in caption
    assert "Insertion HSIC (0.20, 66) with the fewest passes and HSIC (0.70, 2,112)" in caption
    assert "5 images of d" in caption


@cache
def sampler_table():
    tables = []
    for number, function in enumerate(FUNCTIONS):
        for sampler in SAMPLERS:
            off = 0.8 if sampler.label == "sobol, unscrambled" else 0.01 * number
            for points in (8, 32, 128):
                for estimator in ESTIMATORS:
                    names = {"dataset": function, "model": "", "estimator": estimator}
                    names |= {"points": points}
                    values = np.array([1.0, 1.1]) / points
                    tables += [
                        rows(sampler.label, "RelativeError", values, **names),
                        rows(sampler.label, "RelativeBias", [-off, -off], **names),
                    ]
    for label in (*(s.label for s in SAMPLERS), "sobol, scrambled, another seed"):
        for points in (8, 16):
            for estimator in ESTIMATORS:
                names = {"dataset": "chimera", "estimator": estimator, "points": points}
                values = [0.9 - 1 / points, 0.95 - 1 / points]
                tables.append(rows(label, "ReferenceSpearman", values, **names))
    return together(tables)


def draw_samplers():
    return Samplers(bootstrap=QUICK)(sampler_table())


samplers = cache(draw_samplers)


def test_samplers_show_every_function_sequence_and_estimator():
    drawing = samplers()
    for function in FUNCTIONS:
        axis = axes_titled(drawing, function)
        assert {line.get_label() for line in axis.get_lines()} == {s.label for s in SAMPLERS}
        for line in axis.get_lines():
            np.testing.assert_allclose(line.get_ydata(), 1.05 / np.array([8, 32, 128]))
    lower = drawing.figure.axes[len(FUNCTIONS) : 2 * len(FUNCTIONS)]
    assert all({line.get_label() for line in a.get_lines()} == set(ESTIMATORS) for a in lower)


def test_samplers_tell_the_bias_of_unscrambled_designs_in_numbers():
    drawing = samplers()
    matrix = axes_titled(drawing, "Bias of Σ ST at N = 32")
    texts = [text.get_text() for text in matrix.texts]
    assert len(texts) == len(SAMPLERS) * len(FUNCTIONS)
    assert texts.count("-80%") == len(FUNCTIONS)
    rows = [label.get_text() for label in matrix.get_yticklabels()]
    first = rows.index("sobol, unscrambled") * len(FUNCTIONS)
    assert set(texts[first : first + len(FUNCTIONS)]) == {"-80%"}
    assert "additive, d = 64: -80% unscrambled, -1% scrambled" in drawing.caption


def test_samplers_show_images_without_the_default_of_another_seed():
    drawing = samplers()
    axis = axes_titled(drawing, "chimera: sequences")
    assert {line.get_label() for line in axis.get_lines()} == {s.label for s in SAMPLERS}
    axis = axes_titled(drawing, "chimera: estimators")
    assert {line.get_label() for line in axis.get_lines()} == set(ESTIMATORS)


def test_samplers_without_images_are_refused():
    table = sampler_table()
    with pytest.raises(SparksError, match="on functions and on images"):
        Samplers(bootstrap=QUICK)(table[table["model"] == ""])


def walkthrough():
    generator = np.random.default_rng(0)
    total = np.array([0.5, 0.3, 0.2, 0.1])
    first = np.array([0.4, 0.3, 0.0, 0.1])
    tensors = {
        "image": generator.random((3, 8, 8)),
        "rows": np.array([0, 8, 20]),
        "swapped": np.array([-1, 0, 3]),
        "masks": generator.random((3, 8, 8)),
        "inputs": generator.random((3, 3, 8, 8)),
        "whole": np.array([2.5]),
        "scores": np.linspace(0, 1, 24),
        "points": np.array([4]),
        "first": first,
        "total": total,
    }
    for name, values in (("first", first), ("total", total)):
        tensors |= {f"{name}_low": values - 0.05, f"{name}_high": values + 0.05}
    small = tensors | {"image": generator.random((3, 4, 4))}
    return Walkthrough()(
        [
            FigureData("digits", "convnet", small, {"explained": "0"}),
            FigureData("chimera", "convnet", tensors, {"explained": "fox"}),
        ]
    )


def test_walkthrough_shows_every_step_with_its_numbers():
    drawing = walkthrough()
    titles = [axis.get_title() for axis in drawing.figure.axes]
    assert {"$A_{1}$", "$C^{(0)}_{1}$", "$C^{(3)}_{1}$", "the image", "24 scores"} <= set(titles)
    below = [axis.get_xlabel() for axis in drawing.figure.axes]
    assert "2.50" in below
    assert f"{8 / 23:.2f}" in below  # the score of the row that is shown
    shown = axes_titled(drawing, "interactions ST − S").images[1].get_array()
    np.testing.assert_allclose(shown, [[0.1, 0.0], [0.2, 0.0]], atol=1e-12)
    limits = {
        axes_titled(drawing, title).images[1].get_clim()
        for title in ("total order ST", "first order S", "interactions ST − S")
    }
    assert limits == {(-0.5, 0.5)}
    assert "sum to 1.10 (total) and 0.80 (first order): 0.30" in drawing.caption
    assert "class fox as convnet predicts it" in drawing.caption


@pytest.mark.parametrize("draw", [draw_budget, draw_samplers, walkthrough])
def test_same_numbers_give_the_same_bytes(draw, tmp_path):
    for name in ("one", "two"):
        save(draw().figure, tmp_path / f"{name}.pdf")
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
