"""Agreement with rationales against scikit-learn, and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from sparks.errors import SparksError
from sparks.metrics import Explanation, Plausibility, PointingGame
from sparks.metrics.maps import UndefinedScoreWarning
from sparks.metrics.plausibility import average_precision


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_average_precision_is_that_of_scikit_learn(seed, levels):
    """With few levels most values are equal, which are taken together."""
    generator = np.random.default_rng(seed)
    values = generator.integers(levels, size=(3, 12)).astype(float) - 1
    inside = generator.random((3, 12)) < 0.3
    inside[:, 0] = True
    expected = [average_precision_score(*pair) for pair in zip(inside, values, strict=True)]
    found = average_precision(torch.tensor(values), torch.tensor(inside))
    assert found.tolist() == pytest.approx(expected)


def texts(n=40, words=20):
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(2, 99, (n, words), generator=generator)
    truth = torch.rand(n, words, generator=generator) < 0.15
    truth[:, 3] = True
    return x, truth, torch.rand(n, words, generator=generator)


def test_f1_is_that_of_the_most_important_words():
    x, truth, maps = texts()
    scores = Plausibility(share=0.1)(Explanation(None, x, None, maps, truth))
    for i in range(len(x)):
        chosen = torch.zeros(20, dtype=torch.bool)
        chosen[maps[i].topk(2).indices] = True
        assert scores["TokenF1"][i].item() == pytest.approx(f1_score(truth[i], chosen))


def test_rationales_reach_the_best_and_constant_maps_reach_chance():
    x, truth, maps = texts()
    best = Plausibility(share=0.1)(Explanation(None, x, None, truth.float(), truth))
    assert best["AUPRC"].tolist() == pytest.approx([1.0] * 40)
    assert best["TokenF1"].tolist() == pytest.approx(best["TokenF1Best"].tolist())
    flat = Explanation(None, x, None, torch.ones_like(maps), truth)
    chance = PointingGame()(flat)["PointingChance"]
    assert Plausibility(share=0.1)(flat)["AUPRC"].tolist() == pytest.approx(chance.tolist())
    other = Plausibility(share=0.1)(Explanation(None, x, None, maps, truth))
    assert (other["TokenF1"] <= other["TokenF1Best"]).all()


def test_without_a_rationale_there_is_no_score():
    x, truth, maps = texts(3)
    truth[1] = False
    with pytest.warns(UndefinedScoreWarning, match="rationales are empty"):
        scores = Plausibility(share=0.1)(Explanation(None, x, None, maps, truth))
    assert all(value.isnan().tolist() == [False, True, False] for value in scores.values())
    with pytest.raises(SparksError, match="Plausibility needs true masks"):
        Plausibility(share=0.1)(Explanation(None, x, None, maps))
