"""Which run a figure of concepts opens with, and the order of layers."""

import pandas as pd
import pytest

from sparks_thesis.common.concept_figures import by_depth, runs_in_order

from .rows import DEPTHS, results

ROWS = pd.DataFrame(
    {
        "dataset": ["chimera", "imagenette", "chimera", "digits"],
        "model": ["convnet", "lite0", "convnet", "convnet"],
        "value": range(4),
    }
)


@pytest.mark.parametrize(
    ("datasets", "expected"),
    [
        (["imagenette", "chimera"], ["imagenette", "chimera", "digits"]),
        (["digits"], ["digits", "chimera", "imagenette"]),
        ([], ["chimera", "digits", "imagenette"]),
    ],
)
def test_the_order_is_that_of_the_experiment(datasets, expected):
    runs = runs_in_order(ROWS, datasets)
    assert [dataset for dataset, _, _ in runs] == expected
    for dataset, model, own in runs:
        chosen = ROWS[(ROWS["dataset"] == dataset) & (ROWS["model"] == model)]
        assert own.equals(chosen)


def test_layers_go_from_input_to_output():
    assert by_depth(results(DEPTHS), ["a_last", "z_first"]) == ["z_first", "a_last"]
