"""The claim on steering, on tables whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from sparks.claims.steering import WorksThenFails
from sparks.claims.verdict import Outcome

STEPS = (0.25, 0.5, 1.0, 2.0)


def rows(layer, method, metric, values, condition=""):
    known = {"dataset": "d", "model": "m", "seed": 0, "variant": layer, "method": method}
    found = {"metric": metric, "condition": condition, "image": range(len(values))}
    return pd.DataFrame({**known, **found, "value": values})


def pushed(layer, method, logit, others):
    """Rows of 40 images whose logit and other concepts are functions of t, with some noise."""
    noise = np.random.default_rng(0).normal(1, 0.05, (len(STEPS), 2, 40))
    return [
        rows(layer, method, metric, law(t) * noise[i, j], f"t = {t:g}")
        for i, t in enumerate(STEPS)
        for j, (metric, law) in enumerate(
            (("SteeringLogit", logit), ("SteeringOtherConcepts", others))
        )
    ]


def table(logit, others, at_last):
    """An early and a late layer; random directions do a tenth of what a linear one would."""
    parts = [
        rows("early", "", "LayerDepth", [0.0]),
        rows("late", "", "LayerDepth", [1.0]),
        *pushed("early", "concept", logit, others),
        *pushed("early", "random", lambda t: 0.1 * t, lambda t: t),
        *pushed("late", "concept", lambda t: 3 * t, at_last),
        *pushed("late", "random", lambda t: 0.0, lambda t: t),
    ]
    return pd.concat(parts, ignore_index=True)


def jump(t):
    """No side effect at first, then more than all."""
    return 0.01 if t < 0.4 else 1.5


@pytest.mark.parametrize(
    ("logit", "others", "outcome"),
    [
        (lambda t: 2 * t / (1 + t), lambda t: 0.01, Outcome.REPLICATED),  # it saturates
        (lambda t: 2 * t, jump, Outcome.REPLICATED),  # other concepts move as much
        (lambda t: 2 * t, lambda t: 0.01, Outcome.INCONCLUSIVE),  # linear: the rates are equal
        (lambda t: 2 * t**2, lambda t: 0.01, Outcome.CONTRADICTED),  # it only gets stronger
        (lambda t: 0.01 * t / (1 + t), lambda t: 0.01, Outcome.CONTRADICTED),  # random is better
        (lambda t: 2 * t / (1 + t), lambda t: 0.5, Outcome.CONTRADICTED),  # others never stay put
    ],
)
def test_layers_before_the_last(logit, others, outcome):
    assert WorksThenFails()(table(logit, others, at_last=jump)).outcome == outcome


def test_at_the_last_layer_only_the_other_concepts_count():
    def saturates(t):
        return 2 * t / (1 + t)

    never = WorksThenFails()(table(saturates, jump, at_last=lambda t: 0.01))
    assert never.outcome == Outcome.CONTRADICTED


def test_beyond_the_length_of_an_activation_nothing_is_asked():
    late = table(lambda t: 2 * t if t <= 1 else 0.5, lambda t: 0.01, at_last=jump)
    assert WorksThenFails()(late).outcome == Outcome.INCONCLUSIVE
    assert WorksThenFails(longest=2.0)(late).outcome == Outcome.REPLICATED


def test_without_earlier_layers_no_verdict():
    whole = table(lambda t: t, jump, at_last=jump)
    assert WorksThenFails()(whole[whole["variant"] != "early"]).outcome == Outcome.NOT_RUN
    assert WorksThenFails()(whole[:0]).outcome == Outcome.NOT_RUN
