"""Which run a figure of concepts opens with."""

import pandas as pd
import pytest

from sparks_thesis.common.concept_figures import runs_in_order

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
