"""Intervals against the closed form, SciPy and their definition."""

import math
from dataclasses import astuple

import numpy as np
import pytest
import scipy.stats
import torch

from sparks.errors import SparksError
from sparks.stats import (
    Bootstrap,
    constant_rows,
    coverage,
    interval_of,
    kendall_tau,
    proportion,
    proportion_difference,
    shown,
)


def test_interval_is_close_to_the_normal_one():
    values = np.random.default_rng(0).normal(3.0, 2.0, size=400)
    interval = Bootstrap(level=0.9, resamples=5000).mean(values)
    half = scipy.stats.norm.ppf(0.95) * values.std(ddof=1) / math.sqrt(400)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)


def test_interval_agrees_with_scipy():
    values = np.random.default_rng(1).exponential(size=60)
    ours = Bootstrap(resamples=20000).mean(values)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_coverage_is_the_level():
    generator = np.random.default_rng(3)
    covered = [
        interval.low <= 0 <= interval.high
        for seed in range(300)
        for interval in [Bootstrap(0.8, 300, seed).mean(generator.normal(size=50))]
    ]
    # 300 draws of 0.8: standard deviation 0.023; a percentile interval at n = 50 is a little short.
    assert 0.71 < np.mean(covered) < 0.87


@pytest.mark.parametrize("n", [3, 7, 20])
def test_coverage_with_few_values_is_that_of_simulated_ones(n):
    generator = np.random.default_rng(n)
    samples = generator.normal(size=(2000, n))
    means = samples[:, generator.integers(n, size=(1000, n))].mean(2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    held = np.mean((low <= 0) & (high >= 0))
    assert coverage(n) == pytest.approx(held, abs=0.025)  # 2.5 standard errors at n = 3


def test_pairing_removes_what_both_share():
    generator = np.random.default_rng(4)
    shared = generator.normal(scale=100, size=50)
    interval = Bootstrap().difference(shared + 1 + generator.normal(size=50) * 0.01, shared)
    assert 0.99 < interval.low < 1 < interval.high + 0.01
    assert interval.high - interval.low < 0.01


def test_large_inputs_are_resampled_in_blocks(monkeypatch):
    values = np.random.default_rng(5).normal(size=5000)
    sizes = []
    original = np.random.Generator.integers

    class Spy(np.random.Generator):
        def integers(self, *args, **kwargs):
            sizes.append(math.prod(kwargs["size"]))
            return original(self, *args, **kwargs)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Spy(np.random.PCG64(seed)))
    Bootstrap(resamples=3000).mean(values)
    assert sum(sizes) == 3000 * 5000
    assert max(sizes) <= 2**22


def test_nan_is_left_out_and_counted():
    interval = Bootstrap().mean([1.0, np.nan, 3.0])
    assert (interval.mean, interval.n) == (2.0, 2)


def test_one_unit_has_no_interval_and_none_is_refused():
    assert math.isnan(Bootstrap().mean([1.0]).low)
    with pytest.raises(SparksError, match="no value"):
        Bootstrap().mean([np.nan])


def test_kendall_tau_by_counting_pairs():
    a, b = [1, 2, 3, 4], [1, 3, 2, 4]
    assert kendall_tau(a, b) == pytest.approx((5 - 1) / 6)
    assert math.isnan(kendall_tau([1, 2], [1, 2]))


def test_median_agrees_with_scipy():
    values = np.random.default_rng(4).exponential(size=60)
    ours = Bootstrap(resamples=5000).median([*values, np.nan])
    theirs = scipy.stats.bootstrap(
        (values,), np.median, n_resamples=5000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert (ours.mean, ours.n) == (np.median(values), 60)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_median_of_nothing_is_refused_and_of_one_value_has_no_interval():
    with pytest.raises(SparksError, match="no value"):
        Bootstrap().median([np.nan])
    assert math.isnan(Bootstrap().median([1.0]).low)
    assert math.isnan(kendall_tau([1, 1, 1], [1, 2, 3]))
    assert math.isnan(kendall_tau([1, np.nan, 1], [1, 2, 3]))


class TestNoInterval:
    """Where resampling says nothing of the spread, there is no interval, and no width of 0."""

    draws = np.linspace(0, 1, 1001)

    def none(self, interval):
        return math.isnan(interval.low) and math.isnan(interval.high) and "[" not in shown(interval)

    def test_percentiles(self):
        interval = interval_of(0.5, self.draws, 9, 0.9)
        assert (interval.low, interval.high) == pytest.approx((0.05, 0.95))

    @pytest.mark.parametrize("n", [0, 1])
    def test_of_fewer_than_two_units(self, n):
        assert self.none(interval_of(0.5, self.draws, n))

    def test_of_a_score_that_does_not_exist(self):
        assert self.none(interval_of(math.nan, self.draws, 9))
        assert self.none(interval_of(0.5, np.full(10, np.nan), 9))
        assert self.none(interval_of(0.5, [], 9))

    @pytest.mark.parametrize("units", [1, 2])
    def test_of_a_score_that_one_or_two_of_many_units_carry(self, units):
        values = np.where(np.arange(100) < units, np.arange(100.0), np.nan)
        drawn = [np.nanmean(values[w]) if np.isfinite(values[w]).any() else np.nan
                 for w in Bootstrap(resamples=1000).draws(100)]  # fmt: skip
        assert self.none(interval_of(np.nanmean(values), drawn, 100))

    def test_of_a_score_that_many_units_carry(self):
        drawn = np.where(np.arange(1001) < 20, np.nan, self.draws)
        assert not math.isnan(interval_of(0.5, drawn, 9).low)

    @pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
    def test_of_units_that_are_all_alike(self, value):
        for estimate in (Bootstrap().mean([value] * 7), Bootstrap().median([value] * 7)):
            assert estimate.mean == pytest.approx(value)
            assert self.none(estimate)

    def test_a_count_may_be_the_same_in_all_resamples(self):
        interval = interval_of(7, np.full(100, 7.0), 9, steps=True)
        assert (interval.low, interval.high) == (7, 7)
        assert self.none(interval_of(7, np.full(100, 7.0), 1, steps=True))


def test_the_difference_of_two_shares_as_published():
    # Newcombe 1998, table II (a), method 10: 56 of 70 less 48 of 80.
    first, second = np.arange(70) < 56, np.arange(80) < 48
    found = proportion_difference(first, second)
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    # (f): 10 of 10 less 0 of 20: no width of 0.
    found = proportion_difference(np.ones(10), np.zeros(20))
    assert (found.low, found.high) == pytest.approx((0.6791, 1.0), abs=5e-5)
    assert proportion([1, np.nan, 0]).n == 2


def test_a_rank_correlation_is_scipys_and_so_is_its_interval():
    pairs = np.random.default_rng(0).integers(0, 6, size=(12, 2)).astype(float)
    draw = Bootstrap(resamples=100)
    found = draw.rank_correlation(*pairs.T)
    drawn = [scipy.stats.spearmanr(pairs[which]).statistic for which in draw.draws(12)]
    expected = interval_of(scipy.stats.spearmanr(pairs).statistic, drawn, 12, steps=True)
    assert astuple(found) == pytest.approx(astuple(expected), abs=1e-12)
    assert math.isnan(draw.rank_correlation([1, 1, 1, 1], [1, 2, 3, 4]).mean)


def test_rows_that_do_not_vary():
    rows = torch.tensor([[1.0, 1.0], [1.0, 2.0], [math.nan, 1.0]])
    assert constant_rows(rows).tolist() == [True, False, False]
    assert constant_rows(rows, size=torch.full((3,), 1e13)).tolist() == [True, True, False]
    assert constant_rows(torch.ones(2, 0)).all()


def test_units_are_drawn_within_their_strata():
    strata = np.array([0, 0, 1, 1, 1])
    counts = Bootstrap(resamples=20).counts(strata)
    assert counts.shape == (21, 5)
    assert (counts[0] == 1).all()
    assert (counts[:, :2].sum(1) == 2).all()
    assert (counts[:, 2:].sum(1) == 3).all()
