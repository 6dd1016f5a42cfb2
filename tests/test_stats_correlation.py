"""Correlations of rows against SciPy; rows without any order have none, everywhere."""

import math
import warnings

import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparks.metrics import Explanation, MuFidelity
from sparks.metrics.maps import UndefinedScoreWarning
from sparks.stability.distances import Distances, dice
from sparks.stats import pearson, spearman

PAIRS = ((pearson, scipy.stats.pearsonr), (spearman, scipy.stats.spearmanr))


@given(
    rows=st.lists(
        st.tuples(*[st.sampled_from([-1e8, -1.0, 0.0, 1e-9, 0.25, 1.0, 3.0, 1e8])] * 2),
        min_size=2,
        max_size=9,
    )
)
def test_as_scipy_ties_and_constants_included(rows):
    a, b = (torch.tensor(column, dtype=torch.float64)[None] for column in zip(*rows, strict=True))
    for ours, theirs in PAIRS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = theirs(a[0].numpy(), b[0].numpy()).statistic
        assert float(ours(a, b)) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("ours", [pearson, spearman])
@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_rows_that_do_not_vary_have_none(ours, size):
    varied = size * torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64)
    assert float(ours(varied, varied)) == pytest.approx(1)
    # Equal but for rounding: 0.1 + 0.2 is not 0.3.
    alike = size * torch.tensor([[0.3, 0.1 + 0.2, 0.3]], dtype=torch.float64)
    for row in (alike, torch.full((1, 3), math.nan), torch.tensor([[0.0, math.inf, 1.0]])):
        if row is alike and ours is spearman:
            row = row.round(decimals=6) if size == 1 else torch.zeros(1, 3)
        assert ours(row, varied).isnan().all()
        assert ours(varied, row).isnan().all()
    assert ours(torch.ones(2, 1), torch.ones(2, 1)).isnan().all()
    assert ours(torch.ones(2, 0), torch.ones(2, 0)).isnan().all()


def test_every_user_of_a_correlation_keeps_the_rule():
    flat, other = (
        torch.ones(1, 8, 8),
        torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)),
    )
    assert Distances()(flat, other)["spearman"].isnan().all()
    assert dice(0 * flat, 0 * flat).isnan().all()
    x = torch.rand(1, 1, 8, 8)
    with pytest.warns(UndefinedScoreWarning, match="their maps are constant"):
        score = MuFidelity(grid=4, subsets=20)(
            Explanation(torch.nn.Flatten(), x, torch.tensor([0]), flat)
        )
    assert score["MuFidelity"].isnan().all()
