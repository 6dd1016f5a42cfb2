"""Designs and estimators against closed forms, and against SALib."""

import numpy as np
import pytest
import torch
from SALib.analyze import sobol as salib

from sparks.errors import SparksError
from sparks.sensitivity.designs import SaltelliDesign
from sparks.sensitivity.estimators import ESTIMATORS, FlatOutputWarning, bootstrap, indices, slopes
from sparks.sensitivity.functions import Additive, Ishigami, SobolG

FUNCTIONS = [Ishigami(), SobolG(), Additive([1.0, 2.0, 3.0, 0.0])]


def evaluate(function, d, points, **settings):
    design = SaltelliDesign.sample(points, d, **settings)
    return function(design.rows().double())


def test_slopes_are_those_of_a_linear_function_and_of_least_squares():
    coefficients = torch.tensor([1.5, -2.0, 0.0]).double()
    design = SaltelliDesign.sample(16, 3)
    rows = design.rows().double()
    found = slopes(torch.stack([rows @ coefficients, rows[:, 0] ** 2]), design.a, design.b)
    torch.testing.assert_close(found[0], coefficients, atol=1e-6, rtol=0)
    # Of x₀² over moves from a to b, by numpy.
    a, b = (x[:, 0].double().numpy() for x in (design.a, design.b))
    slope = np.linalg.lstsq((b - a)[:, None], b**2 - a**2, rcond=None)[0][0]
    assert found[1, 0].item() == pytest.approx(slope, abs=1e-6)
    assert found[1, 1:].abs().max() < 1e-6


def test_rows_are_the_blocks_of_the_replicated_design():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 5, 3, generator=generator)
    design = SaltelliDesign(a, b)
    blocks = [a, b]
    for i in range(3):
        c = a.clone()
        c[:, i] = b[:, i]
        blocks.append(c)
    assert design.n == 25
    assert torch.equal(design.rows(), torch.cat(blocks))
    some = torch.tensor([24, 0, 7])
    assert torch.equal(design.masks(torch.zeros(3), some), torch.cat(blocks)[some])


@pytest.mark.parametrize("function", FUNCTIONS, ids=repr)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_indices_converge_to_the_closed_form(function, estimator):
    first, total = function.indices()
    outputs = evaluate(function, len(first), 2**14)
    torch.testing.assert_close(
        indices(outputs, 2**14, "first", estimator).float(), first, atol=0.01, rtol=0
    )
    torch.testing.assert_close(
        indices(outputs, 2**14, "total", estimator).float(), total, atol=0.01, rtol=0
    )


def test_closed_forms_are_those_of_the_literature():
    # Saltelli et al. 2008, Global Sensitivity Analysis: The Primer, for a = 7, b = 0.1.
    first, total = Ishigami().indices()
    torch.testing.assert_close(first, torch.tensor([0.3139, 0.4424, 0.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(total, torch.tensor([0.5576, 0.4424, 0.2437]), atol=1e-4, rtol=0)
    first, total = SobolG().indices()
    published = torch.tensor([0.7162, 0.1791, 0.0237, 0.0072])
    torch.testing.assert_close(first[:4], published, atol=1e-4, rtol=0)
    torch.testing.assert_close(total[:2], torch.tensor([0.7871, 0.2422]), atol=1e-4, rtol=0)


def test_jansen_and_saltelli_agree_with_salib():
    points, d = 256, 3
    outputs = evaluate(Ishigami(), d, points).numpy()
    blocks = outputs.reshape(d + 2, points)
    # SALib orders outputs by point: A, then the C of each feature, then B.
    theirs = np.stack([blocks[0], *blocks[2:], blocks[1]], 1).ravel()
    problem = {"num_vars": d, "names": list("abc"), "bounds": [[0, 1]] * d}
    expected = salib.analyze(problem, theirs, calc_second_order=False, num_resamples=2, seed=0)
    # SALib takes the variance of A and B together, not of A alone.
    ratio = blocks[:2].var() / blocks[0].var(ddof=1)
    ours = torch.from_numpy(outputs)
    np.testing.assert_allclose(indices(ours, points, "total"), expected["ST"] * ratio, rtol=1e-6)
    # SALib centres by the mean of all outputs, ours by that of A and B.
    step = (blocks[2:] - blocks[0]).mean(1) / blocks[0].var(ddof=1)
    expected_first = expected["S1"] * ratio + (outputs.mean() - blocks[:2].mean()) * step
    first = indices(ours, points, "first", "saltelli")
    np.testing.assert_allclose(first, expected_first, rtol=1e-5)


@pytest.mark.parametrize("order", ["first", "total"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_constant_added_to_the_output_changes_nothing(estimator, order):
    outputs = evaluate(SobolG((0.0, 1.0)), 2, 32)
    plain = indices(outputs, 32, order, estimator)
    torch.testing.assert_close(indices(outputs + 100, 32, order, estimator), plain)
    torch.testing.assert_close(indices(3 * outputs, 32, order, estimator), plain)


def test_estimators_are_distinct():
    outputs = evaluate(SobolG((0.0, 1.0)), 2, 32)
    for order in ("first", "total"):
        values = {tuple(indices(outputs, 32, order, e).tolist()) for e in ESTIMATORS}
        assert len(values) == len(ESTIMATORS)


def test_unscrambled_designs_are_biased_and_scrambled_ones_are_not():
    """An additive function of 64 features seen through 32 points, as the released code does."""
    truth = Additive([1.0] * 64)

    def share(**settings):
        """Mean total index over the truth."""
        return float(indices(evaluate(truth, 64, 32, **settings), 32).mean() * 64)

    assert share(sequence="halton", scramble=False) < 0.1
    assert share(sequence="sobol", scramble=False) < 0.2
    for sequence in ("sobol", "halton", "latin-hypercube", "monte-carlo"):
        mean = np.mean([share(sequence=sequence, seed=seed) for seed in range(30)])
        assert abs(mean - 1) < 0.2


@pytest.mark.parametrize("constant", [0.0, 3.7])
def test_an_output_that_does_not_vary_gives_nan_and_a_warning(constant):
    flat = torch.full((1, 20), constant) * (1 + 1e-8 * torch.rand(1, 20))
    varied = torch.rand(1, 20, generator=torch.Generator().manual_seed(0))
    with pytest.warns(FlatOutputWarning, match="1 of 2 outputs do not vary"):
        result = indices(torch.cat([flat, varied]), 5)
    assert result[0].isnan().all()
    assert result[1].isfinite().all()
    low, high = bootstrap(torch.cat([flat, varied]), 5, repeats=20)
    assert low[0].isnan().all()
    assert (low[1] <= high[1]).all()


def test_bootstrap_intervals_cover_the_truth_as_often_as_they_say():
    truth = Additive([1.0, 2.0, 3.0])
    expected = truth.indices()[1]
    covered = []
    for seed in range(60):
        outputs = evaluate(truth, 3, 128, sequence="monte-carlo", seed=seed)
        low, high = bootstrap(outputs, 128, level=0.9, repeats=200, seed=seed)
        covered.append((low <= expected) & (expected <= high))
    share = torch.stack(covered).float().mean()
    # 180 intervals of 90 %, three by three dependent: two and a half standard errors.
    assert 0.80 < share < 0.97


def test_bootstrap_is_seeded_and_contains_the_estimate():
    outputs = evaluate(SobolG((0.0, 1.0, 9.0)), 3, 64)
    for order in ("first", "total"):
        low, high = bootstrap(outputs, 64, order, repeats=300, seed=1)
        again = bootstrap(outputs, 64, order, repeats=300, seed=1)
        assert torch.equal(low, again[0])
        assert torch.equal(high, again[1])
        estimate = indices(outputs, 64, order)
        assert ((low <= estimate) & (estimate <= high)).all()


def test_points_that_hardly_differ_have_no_interval():
    # One point of 64 alone moves the output: 37 % of the resamples miss it.
    outputs = torch.zeros(64 * 5)
    outputs[::64] = torch.tensor([1.0, 0.5, 0.2, 0.3, 0.9])
    for order in ("first", "total"):
        low, high = bootstrap(outputs, 64, order, repeats=300)
        assert low.isnan().all()
        assert high.isnan().all()
    two = torch.tensor([1.0, 2.0, 3.0, 1.0, 2.0, 2.0, 1.0, 1.0])  # half of the resamples are flat
    assert torch.cat(bootstrap(two, 2, repeats=300)).isnan().all()


def test_bad_arguments_are_refused():
    outputs = torch.rand(20)
    with pytest.raises(SparksError, match="not those of a replicated design of 7 points"):
        indices(outputs, 7)
    with pytest.raises(SparksError, match="order 'second'"):
        indices(outputs, 5, "second")
    with pytest.raises(SparksError, match="estimator 'sobol'"):
        indices(outputs, 5, "total", "sobol")
