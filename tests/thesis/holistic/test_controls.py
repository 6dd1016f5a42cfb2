"""Controls of the claims on the holistic framework, on scores whose answer is known."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from sparks.stats import Bootstrap
from sparks_thesis.common.controls import AtBottom
from sparks_thesis.holistic.controls import AtLastLayer, Repeatable

from ..common.rows import around, rows

noise = partial(around, spread=0.1)


def pair(score, **columns):
    each = enumerate((("A", score), ("Random", 0)))
    return [rows("S", name, noise(v, seed), **columns) for seed, (name, v) in each]


def test_a_control_at_the_last_layer_sees_no_other_layer():
    control = AtLastLayer(
        AtBottom({"S": 1}, ["A"], by=["layer"], bootstrap=Bootstrap(resamples=200))
    )
    table = [*pair(1, layer="late"), *pair(-1, layer="early")]
    errors = rows("IdentityError", "A", [0.0], layer="late")
    assert control(pd.concat([*table, errors]))[0]
    assert not control(pd.concat(table))[0]


@pytest.mark.parametrize(("images", "passed"), [(200, True), (4, False)])
def test_a_measure_that_few_images_carry_can_agree_with_nothing(images, passed):
    generator = np.random.default_rng(0)
    tables = []
    for number in range(12):  # classes of two concepts, with true shares and accuracies
        share, right = generator.uniform(0.1, 0.9), generator.uniform(0.3, 1, size=2)
        dominant = (generator.random(2 * images) < share).astype(int)
        correct = generator.random(2 * images) < right[dominant]
        for metric, values in (("Dominant", dominant), ("Correct", correct)):
            tables.append(rows(metric, "NMF", values.astype(float), class_name=f"c{number}"))
    found, text = Repeatable(0.9)(pd.concat(tables))
    assert found is passed, text


def test_without_strategies_nothing_is_repeatable():
    assert not Repeatable()(rows("Accuracy", "", [1.0]))[0]
