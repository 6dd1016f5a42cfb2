"""Controls of claims, on made-up scores whose answer is known."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from sparks.stats import Bootstrap, proportion
from sparks_thesis.common.controls import AtBottom, Psychometric, Separates, Stands, Together
from sparks_thesis.common.verdict import above, judged

from .rows import around, rows

noise = partial(around, spread=0.1)

FEW = Bootstrap(resamples=200)


@pytest.mark.parametrize(
    ("method", "oracle", "passed"),
    [
        (1.0, 2.0, True),
        (1.0, 1.0, True),  # as good as the oracle
        (-1.0, 2.0, False),  # below a random order
        (2.0, 1.0, False),  # better than what knows the answer
    ],
)
def test_random_is_at_the_bottom_and_the_oracle_at_the_top(method, oracle, passed):
    values = {"A": method, "Random": 0.0, "Oracle": oracle}
    table = pd.concat(
        [rows("C-Insertion", n, noise(v, i)) for i, (n, v) in enumerate(values.items())]
    )
    control = AtBottom({"C-Insertion": 1}, ["A"], oracle="Oracle", bootstrap=FEW)
    found, text = control(table)
    assert found is passed, text


def test_rows_are_compared_apart_and_only_those_that_are_asked_for():
    def pair(score, **columns):
        each = enumerate((("A", score), ("Random", 0)))
        return [rows("S", name, noise(v, seed), **columns) for seed, (name, v) in each]

    good, bad = pair(1, layer="late", t=1.0), pair(-1, layer="early", t=1.0)
    later = pair(-9, layer="late", t=2.0)
    control = AtBottom({"S": 1}, ["A"], by=["layer"], where={"t": 1.0}, bootstrap=FEW)
    assert control(pd.concat(good + later))[0]
    found, text = control(pd.concat(good + bad))
    assert not found
    assert "A below Random in S of early of m on d" in text


def test_without_its_oracle_a_control_fails():
    table = pd.concat([rows("S", "A", noise(1)), rows("S", "Random", noise(0, 1))])
    found, text = AtBottom({"S": 1}, ["A"], oracle="Oracle", bootstrap=FEW)(table)
    assert not found
    assert text == "Random and Oracle were not run"


def most(table):
    """A claim: more than half of the concepts of "ours" pass."""
    share = proportion(table[table["method"] == "ours"]["value"])
    return judged([above(share, 0.5)], share, f"{share.mean:.2f}")


@pytest.mark.parametrize(
    ("control", "oracle", "passed"), [(0.1, 0.9, True), (0.9, 0.9, False), (0.1, 0.1, False)]
)
def test_a_claim_holds_of_the_oracle_and_not_of_the_control(control, oracle, passed):
    shares = {"ours": 0.8, "chance": control, "best": oracle}
    table = pd.concat(
        [rows("Selective", n, (np.arange(50) < 50 * s).astype(float)) for n, s in shares.items()]
    )
    assay = Stands(most, "method", "ours", "chance", "best")
    assert assay(table)[0] is passed
    assert not assay(table[table["method"] != "chance"])[0]


def test_small_and_large_values_must_lie_on_their_sides():
    table = pd.concat(
        [rows("Error", "exact", around(1e-9, spread=1e-10)), rows("Error", "other", noise(1))]
    )
    assert Separates("Error", {"exact": 1e-4}, {"other": 0.1})(table)[0]
    assert not Separates("Error", {"other": 1e-4}, {})(table)[0]
    assert not Separates("Error", {}, {"exact": 0.1})(table)[0]
    assert not Separates("Error", {}, {"absent": 0.1})(table)[0]
    assert not Separates("Another", {}, {})(table)[0]


def answers(metric, share, n=800, **columns):
    return rows(metric, "machine", (np.arange(n) < share * n).astype(float), "trial", **columns)


@pytest.mark.parametrize(
    ("nothing", "whole", "parts", "passed"),
    [
        (0.2, 0.95, 0.5, True),
        (0.4, 0.95, 0.5, False),  # it sees what is not there
        (0.2, 0.5, 0.5, False),  # it does not see what is there
        (0.2, 0.95, 0.2, False),  # it is blind to true parts
    ],
)
def test_an_observer_sees_what_is_there_and_nothing_else(nothing, whole, parts, passed):
    table = pd.concat(
        [
            answers("PlantedIntruder", nothing, amount=0.0),
            answers("PlantedIntruder", whole, amount=1.0),
            answers("PartsIntruder", parts),
        ]
    )
    found, text = Psychometric("PlantedIntruder", "PartsIntruder")(table)
    assert found is passed, text
    both = Together([Psychometric("PlantedIntruder"), Psychometric("PlantedChoice", chance=0.5)])
    assert not both(table)[0]  # the second was never asked
