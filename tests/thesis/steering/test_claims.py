"""The claim on steering, on tables whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.results import as_results
from sparks_thesis.common.verdict import Outcome
from sparks_thesis.steering.claims import WorksThenFails

STEPS = (0.25, 0.5, 1.0, 2.0)


def rows(layer, method, metric, values, **at):
    known = {"dataset": "d", "model": "m", "seed": 0, "layer": layer, "method": method}
    found = {"metric": metric, "image": range(len(values)), **at}
    return pd.DataFrame({**known, **found, "value": values})


def pushed(layer, method, logit, side, others):
    """Rows of 40 images whose logits and other concepts are functions of t, with some noise."""
    noise = np.random.default_rng(0).normal(1, 0.05, (len(STEPS), 3, 40))
    laws = {"Logit": logit, "OtherLogits": side, "OtherConcepts": others}
    return [
        rows(layer, method, f"Steering{name}", law(t) * noise[i, j], t=t)
        for i, t in enumerate(STEPS)
        for j, (name, law) in enumerate(laws.items())
    ]


def tenth(t):
    return 0.1 * t


def table(logit, others, side=tenth, control=tenth, late=lambda t: 3 * t):
    """An early and a late layer, at which the other concepts stay put by construction."""
    parts = [
        rows("early", "", "LayerDepth", [0.0]),
        rows("late", "", "LayerDepth", [1.0]),
        *pushed("early", "concept", logit, side, others),
        *pushed("early", "shuffled", control, tenth, lambda t: t),
        *pushed("early", "other class", lambda t: -t, tenth, lambda t: t),
        *pushed("late", "concept", late, side, lambda t: 0.0),
        *pushed("late", "shuffled", control, tenth, lambda t: t),
        *pushed("late", "other class", lambda t: -t, tenth, lambda t: t),
    ]
    return as_results(pd.concat(parts, ignore_index=True))


def jump(t):
    """No side effect at first, then more than all."""
    return 0.01 if t < 0.4 else 1.5


@pytest.mark.parametrize(
    ("logit", "others", "outcome"),
    [
        (lambda t: 2 * t / (1 + t), lambda t: 0.01, Outcome.HOLDS),  # it saturates
        (lambda t: 2 * t, jump, Outcome.HOLDS),  # other concepts move as much
        (lambda t: 2 * t, lambda t: 0.01, Outcome.INCONCLUSIVE),  # linear: the rates are equal
        (lambda t: 2 * t**2, lambda t: 0.01, Outcome.FAILS),  # it only gets stronger
        (lambda t: 0.01 * t / (1 + t), lambda t: 0.01, Outcome.FAILS),  # a control is better
        (lambda t: 2 * t / (1 + t), lambda t: 0.5, Outcome.FAILS),  # others never stay put
    ],
)
def test_layers_before_the_last(logit, others, outcome):
    assert WorksThenFails()(table(logit, others)).outcome == outcome


def saturates(t):
    return 2 * t / (1 + t)


def test_other_logits_that_move_as_much_contradict_it():
    assert WorksThenFails()(table(saturates, jump, side=lambda t: 2 * t)).outcome == (Outcome.FAILS)


def test_every_control_is_to_be_beaten():
    verdict = WorksThenFails()(table(saturates, jump, control=lambda t: 2.5 * t))
    assert verdict.outcome == Outcome.FAILS
    assert "shuffled, early" in verdict.measured


def test_the_last_layer_can_fail_by_its_logit_only():
    # It is linear and its other concepts stay put, and it passes for all that.
    assert WorksThenFails()(table(saturates, jump)).outcome == Outcome.HOLDS
    weak = table(saturates, jump, late=lambda t: 0.05 * t)
    assert WorksThenFails()(weak).outcome == Outcome.FAILS


def test_beyond_the_length_of_an_activation_nothing_is_asked():
    late = table(lambda t: 2 * t if t <= 1 else 0.5, lambda t: 0.01)
    assert WorksThenFails()(late).outcome == Outcome.INCONCLUSIVE
    assert WorksThenFails(longest=2.0)(late).outcome == Outcome.HOLDS


def test_without_earlier_layers_no_verdict():
    whole = table(lambda t: t, jump)
    assert WorksThenFails()(whole[whole["layer"] != "early"]).outcome == Outcome.NOT_RUN
    assert WorksThenFails()(whole[:0]).outcome == Outcome.NOT_RUN
