"""Figures of 1-Lipschitz networks: what is drawn is what was given."""

import numpy as np
import pytest

from sparks.errors import SparksError
from sparks_thesis.common.figure_data import FigureData
from sparks_thesis.lipschitz.figures import Counterfactuals, LipschitzSaliency, Toy


def kept(model, **arrays):
    metadata = {"classes": ["a", "b"], "steps": [0, 1], "inner": 1.0, "outer": 2.0, "order": 1}
    return FigureData("d", model, arrays, metadata, seed=0)


def walked(model):
    rng = np.random.default_rng(0)
    return kept(
        model,
        images=rng.random((2, 1, 4, 4)),
        target=np.array([0, 1]),
        walked=rng.random((2, 2, 1, 4, 4)),
        logits=rng.random((2, 2, 2)),
        **{"maps.Saliency": rng.random((2, 4, 4)), "maps.SmoothGrad": rng.random((2, 4, 4))},
    )


def test_networks_stand_beside_their_baselines():
    pair = [walked("net"), walked("other"), walked("net_unconstrained")]
    assert len(LipschitzSaliency(rows=2)(pair).figure.axes) == 2 * 5
    figure = Counterfactuals(rows=2)(pair).figure
    assert len(figure.axes) == 2 * 2 * 2
    with pytest.raises(SparksError, match="unconstrained"):
        Counterfactuals()(pair[:2])


@pytest.mark.parametrize(("asked", "shown"), [("b", "b"), ("absent", "a"), ("", "a")])
def test_the_network_asked_for_is_shown_where_it_was_measured(asked, shown):
    pairs = [walked(name) for name in ("a", "a_unconstrained", "b", "b_unconstrained")]
    figure = Counterfactuals(rows=1, model=asked)(pairs).figure
    titles = [block.get_suptitle() for block in figure.subfigs]
    assert titles == [shown, f"{shown}_unconstrained"]


def test_the_toy_draws_both_functions_and_their_zero():
    axis = np.linspace(-2, 2, 10)
    arrays = {"points": np.random.default_rng(0).random((8, 2))}
    for name in ("hkr_dense", "hkr_dense_unconstrained"):
        arrays |= {
            f"{name}.axis": axis,
            f"{name}.levels": np.add.outer(axis, axis),
            f"{name}.ends": arrays["points"] + 1,
        }
    figure = Toy(steps=2)([kept("", **arrays)]).figure
    assert len(figure.axes) == 4  # two planes, two bars
    with pytest.raises(SparksError):
        Toy()([])
