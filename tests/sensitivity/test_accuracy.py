"""Deviations of estimated indices, and what is known of unscrambled designs."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from sparks.sensitivity.accuracy import (
    FUNCTIONS,
    SAMPLERS,
    Sampler,
    deviations,
    estimates,
)
from sparks.sensitivity.estimators import ESTIMATORS
from sparks.stats import spearman


def test_deviations_in_closed_form():
    true = torch.tensor([0.5, 1.5])
    estimated = torch.tensor([[1.0, 1.0], [0.0, 2.0], [0.5, 3.0]])
    found = deviations(estimated, true)
    assert found["RelativeError"].tolist() == [0.5, 0.5, 0.75]
    assert found["RelativeBias"].tolist() == [0.0, 0.0, 0.75]
    assert found["IndexBias"].tolist() == [0.25]  # the mean deviations are 0 and 0.5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_estimates_come_close_with_many_points(name):
    function = FUNCTIONS[name]
    true = function.indices()[1].double()
    found = estimates(function, Sampler("sobol", True), 1024, repeats=2)
    assert set(found) == set(ESTIMATORS)
    for estimated in found.values():
        assert estimated.shape == (2, len(true))
    assert deviations(found["jansen"], true)["RelativeError"].max() < 0.06


def test_designs_that_no_seed_changes_are_drawn_once():
    function = FUNCTIONS["Ishigami, d = 3"]
    for sampler in SAMPLERS:
        rows = estimates(function, sampler, 16, repeats=3)["jansen"]
        same = sampler.label in ("sobol, unscrambled", "halton, unscrambled")
        assert len(rows) == (1 if same else 3)
        assert len(rows.unique(dim=0)) == len(rows)


@pytest.mark.parametrize("sequence", ["sobol", "halton"])
def test_unscrambled_designs_are_biased_in_many_dimensions_and_scrambled_ones_are_not(sequence):
    function = FUNCTIONS["additive, d = 64"]
    true = function.indices()[1].double()
    bias = {}
    for scramble in (False, True):
        found = estimates(function, Sampler(sequence, scramble), 32, repeats=40)
        bias[scramble] = deviations(found["jansen"], true)["RelativeBias"]
    assert bias[False].mean() < -0.8  # four fifths of every index are lost
    assert abs(bias[True].mean()) < 4 * bias[True].std() / 40**0.5


def test_agreement_is_spearmans():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, 4, 9, generator=generator).round(decimals=1)
    expected = [spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(spearman(first, second), expected)
    assert spearman(torch.ones(1, 5), torch.rand(1, 5)).isnan().all()
