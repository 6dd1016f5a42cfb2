"""Simulated meta-predictors: what they do is checked by hand and on cells whose rule is known."""

import numpy as np
import pytest
import torch

from sparks.errors import SparksError
from sparks.utility.answers import BASELINE, sessions_of
from sparks_thesis.utility.cells import CellFeatures, Gaze, attention, standardised
from sparks_thesis.utility.learners import (
    Exemplar,
    Linear,
    Prototype,
    Words,
    answers,
    looked_at,
)
from sparks_thesis.utility.simulation import Scenario, Simulation, alternating

KINDS = [Exemplar(), Prototype(), Linear(), Words(vocabulary=8)]


def world(n, seed, cells=16, noise=0.2):
    """Images whose cell 0 (places are shuffled) tells the output; other cells are of four kinds.

    Returns cells (n, cells, 4), where the telling cell is, and outputs.
    """
    rng = np.random.default_rng(seed)
    outputs = np.arange(n) % 2
    kinds = np.eye(4, dtype=np.float32) * 2
    images = kinds[rng.integers(2, size=(n, cells))]  # kinds 0 and 1 mean nothing
    where = rng.integers(cells, size=n)
    images[np.arange(n), where] = kinds[2 + outputs]
    images += noise * rng.normal(size=images.shape).astype(np.float32)
    return images, where, outputs


def shown(where, cells=16):
    """All attention on one cell of each image."""
    weights = np.zeros((len(where), cells), np.float32)
    weights[np.arange(len(where)), where] = 1
    return weights


@pytest.mark.parametrize("learner", KINDS, ids=lambda k: type(k).__name__)
def test_a_true_explanation_teaches_the_rule(learner):
    seen, where, outputs = world(12, 0)
    new, _, truth = world(200, 1)
    evidence = learner.prepared(seen)
    answered = answers(evidence, seen, shown(where), outputs, new)
    assert (answered == truth).mean() > 0.9


@pytest.mark.parametrize("learner", KINDS, ids=lambda k: type(k).__name__)
def test_an_explanation_that_hides_the_rule_does_harm(learner):
    seen, where, outputs = world(12, 0)
    new, _, truth = world(200, 1)
    evidence = learner.prepared(seen)
    true = answers(evidence, seen, shown(where), outputs, new)
    false = answers(evidence, seen, shown((where + 1) % 16), outputs, new)
    assert (true == truth).mean() > (false == truth).mean() + 0.15


@pytest.mark.parametrize("learner", KINDS, ids=lambda k: type(k).__name__)
def test_outputs_that_swap_swap_the_answers(learner):
    seen, where, outputs = world(12, 2)
    new, _, _ = world(50, 3)
    evidence = learner.prepared(seen)
    one = answers(evidence, seen, shown(where), outputs, new)
    other = answers(evidence, seen, shown(where), 1 - outputs, new)
    assert (one != other).all()


def test_who_saw_one_output_answers_it():
    seen, where, _ = world(3, 0)
    answered = answers(Exemplar().prepared(seen), seen, shown(where), np.ones(3, int), seen)
    assert answered.tolist() == [1, 1, 1]


def test_equal_attention_is_the_plain_mean():
    seen, _, _ = world(5, 0)
    new, _, _ = world(4, 1)
    same = np.full(seen.shape[:2], 1 / 16, np.float32)
    np.testing.assert_allclose(looked_at(new, seen, same, 0.5), new.mean(1), atol=1e-5)


def test_attention_goes_to_cells_like_those_attended():
    seen, where, _ = world(12, 0, noise=0.01)
    new, place, _ = world(20, 1, noise=0.01)
    looked = looked_at(new, seen, shown(where), 0.3)
    np.testing.assert_allclose(looked, new[np.arange(20), place], atol=0.05)


def test_naive_bayes_by_hand():
    """Two words far apart, so that k-means finds them; log odds as written down."""
    seen = np.array([[[0.0], [0.0]], [[9.0], [0.0]]], np.float32)
    weights = np.array([[0.5, 0.5], [1.0, 0.0]], np.float32)
    outputs = np.array([0, 1])
    evidence = Words(vocabulary=2, prior=1.0).prepared(seen)(seen, weights, outputs, seen)
    # Counts and prior, words "0" and "9": output 0 has 2 + 1 and 0 + 1, output 1 has 0 + 1, 2 + 1.
    zero, nine = np.log((1 / 4) / (3 / 4)), np.log((3 / 4) / (1 / 4))
    np.testing.assert_allclose(evidence, [2 * zero, nine + zero], rtol=1e-6)


# --- what they see --------------------------------------------------------------------------------


def test_cells_are_described_by_colour_spread_and_edges():
    x = torch.zeros(1, 3, 16, 16)
    x[0, 0, :8, :8] = 1.0  # a red cell
    x[0, :, 8:, 8:] = (torch.arange(8) % 2)[None, None].float()  # upright stripes
    found = CellFeatures(grid=2, orientations=4)(x)[0]
    assert found.shape == (4, 10)
    np.testing.assert_allclose(found[0, :3], [1, 0, 0])
    np.testing.assert_allclose(found[0, 3:6], 0)
    np.testing.assert_allclose(found[3, :3], 0.5)
    np.testing.assert_allclose(found[3, 3:6], 0.5)
    x = torch.linspace(0, 1, 16)[None, None, None].expand(1, 1, 16, 16)
    edges = CellFeatures(grid=2, orientations=4)(x)[0, 0, 2:]  # a ramp to the right: bin 0
    assert edges[0] == pytest.approx(1 / 15, abs=1e-6)
    np.testing.assert_allclose(edges[1:], 0, atol=1e-6)


def test_features_are_standardised_by_the_known_images():
    rng = np.random.default_rng(0)
    known = rng.normal(5, 3, size=(7, 6, 2)).astype(np.float32)
    known[..., 1] = 4  # the same everywhere
    scaled = standardised(known, known)
    assert scaled[..., 0].mean() == pytest.approx(0, abs=1e-5)
    assert scaled[..., 0].std() == pytest.approx(1, abs=1e-4)
    assert (standardised(known + 1, known)[..., 1] == 0).all()


def test_attention_is_the_positive_part_of_a_map():
    maps, alike = torch.zeros(2, 4, 4), torch.ones(2, 4, 4)
    maps[0, :2, :2] = 3.0
    maps[0, 2:, 2:] = 1.0
    maps[0, :2, 2:] = -9.0
    found = attention(maps, alike, 2)
    np.testing.assert_allclose(found[0], [0.75, 0, 0, 0.25])
    np.testing.assert_allclose(found[1], 0.25)  # nothing shown: where people look anyhow
    with pytest.raises(SparksError, match="NaN"):
        attention(torch.full((1, 4, 4), torch.nan), alike[:1], 2)


def test_a_map_moves_attention_from_where_people_look_anyhow():
    gaze = torch.ones(1, 4, 4)
    gaze[:, :2, :2] = 5.0
    flat, upper = torch.full((1, 4, 4), 0.3), torch.zeros(1, 4, 4)
    upper[:, :2, :] = 1.0
    np.testing.assert_allclose(attention(flat, gaze, 2)[0], [5 / 8, 1 / 8, 1 / 8, 1 / 8])
    np.testing.assert_allclose(attention(upper, gaze, 2)[0], [5 / 6, 1 / 6, 0, 0])
    np.testing.assert_allclose(attention(0 * upper, gaze, 2)[0], [5 / 8, 1 / 8, 1 / 8, 1 / 8])


def test_people_look_at_what_stands_out():
    images = torch.full((2, 3, 32, 32), 0.5)
    images[0, :, 4:12, 20:28] = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    found = Gaze()(images)
    assert found.shape == (2, 32, 32)
    torch.testing.assert_close(found.mean((1, 2)), torch.ones(2))
    assert found[0, 4:12, 20:28].mean() > 2 * found[0].mean()
    torch.testing.assert_close(Gaze(power=0)(images), torch.ones(2, 32, 32))
    # Twice the power is the square, up to the mean.
    once, twice = Gaze(power=1)(images[:1]), found[:1]
    torch.testing.assert_close(once**2 / (once**2).mean(), twice)


# --- the protocol ---------------------------------------------------------------------------------


def scenario():
    seen, where, outputs = world(40, 4)
    new, _, truth = world(60, 5)
    same = np.full(seen.shape[:2], 1 / 16, np.float32)
    return Scenario("w", seen, {BASELINE: same, "Truth": shown(where)}, outputs, new, truth)


def simulation(**settings):
    kinds = {"Exemplar": Exemplar(), "Linear": Linear()}
    return Simulation(learners=kinds, features=CellFeatures(), **{"participants": 6} | settings)


def test_everyone_takes_every_session_once():
    table = simulation().run(scenario())
    assert len(table) == 2 * 2 * 6 * 3  # kinds, conditions, participants, sessions
    assert set(table["method"]) == {BASELINE, "Truth"}
    per_kind = table.groupby(["method", "learner"])["participant"].unique()
    assert sorted(per_kind[(BASELINE, "Exemplar")]) == list(range(6))
    assert sorted(per_kind[(BASELINE, "Linear")]) == list(range(6, 12))
    # An accuracy is a number of right answers out of seven.
    assert np.allclose(table["value"] * 7, (table["value"] * 7).round())
    sessions = sessions_of(table)
    assert set(sessions["session"]) == {1, 2, 3}
    assert sessions["participant"].nunique() == 12


def test_a_true_explanation_has_more_utility():
    table = simulation(participants=20).run(scenario())
    means = table.groupby("method")["value"].mean()
    assert means["Truth"] > means[BASELINE] + 0.1


def test_the_same_seed_gives_the_same_answers():
    assert simulation().run(scenario()).equals(simulation().run(scenario()))
    assert not simulation().run(scenario()).equals(simulation(seed=1).run(scenario()))


def test_a_condition_does_not_change_another():
    whole, alone = scenario(), scenario()
    alone.attention.pop("Truth")
    every = simulation().run(whole)
    some = simulation().run(alone)
    own = every[every["method"] == BASELINE].reset_index(drop=True)
    assert own.equals(some.reset_index(drop=True))


def test_examples_alternate():
    outputs = np.array([0] * 3 + [1] * 10)
    order = alternating(np.random.default_rng(0), outputs)
    assert sorted(order) == list(range(13))
    first = outputs[order[:6]]
    assert (first[1:] != first[:-1]).all()
    assert outputs[order[6:]].tolist() == [1] * 7


def test_too_few_images_are_refused():
    maps = {"Truth": torch.rand(4, 16, 16)}
    few = torch.rand(4, 3, 16, 16)
    with pytest.raises(SparksError, match="needs 15 images"):
        simulation().scenario("w", few, maps, torch.zeros(4), few, torch.zeros(4))
