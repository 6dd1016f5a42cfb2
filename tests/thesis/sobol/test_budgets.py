"""Methods at a budget: what they spend is counted, not computed."""

import pytest
import torch
from attribution.nets import images, random_net

from sparks.attribution import HSIC, LIME, RISE, KernelSHAP, Occlusion, Saliency, Sobol
from sparks.attribution.sobol import FEWEST_POINTS
from sparks.errors import SparksError
from sparks.models.counting import Counting
from sparks_thesis.sobol.budgets import LEAST, keeps_grid, within

METHODS = [Occlusion(grid=64), RISE(), LIME(), KernelSHAP(), Sobol(), HSIC()]


def spent(method):
    x, target = images(n=1, size=16)
    with Counting(random_net()) as counting:
        method(counting._model, x, target)
    return counting.forwards


@pytest.mark.parametrize("forwards", [LEAST, 132, 600])
@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_a_budget_is_kept_and_mostly_used(method, forwards):
    counted = spent(within(method, forwards, side=16))
    assert counted <= forwards
    if isinstance(method, RISE | LIME | KernelSHAP | HSIC):
        assert counted == forwards
    elif isinstance(method, Sobol):  # points double, so up to half may be left
        assert counted > forwards / 2
    else:  # one cell a side more would be too many, or there are no more pixels
        assert counted == 257 or counted + 2 * (counted - 1) ** 0.5 + 1 > forwards


def test_sobol_keeps_its_grid_when_the_points_suffice():
    small, large = (within(Sobol(grid=8), forwards, side=64) for forwards in (500, 528))
    assert (small.grid, small.points) == (7, 8)  # 408 passes
    assert (large.grid, large.points) == (8, FEWEST_POINTS)
    assert (within(Sobol(grid=8), 4224, 64).grid, within(Sobol(grid=8), 4224, 64).points) == (8, 64)


def test_occlusion_keeps_its_grid():
    grids = [within(Occlusion(grid=8), n, side=64).grid for n in (64, 65, 4224)]
    assert grids == [7, 8, 8]


def test_a_method_that_cannot_keep_its_grid_is_left_out():
    assert keeps_grid(Sobol(grid=8), within(Sobol(grid=8), 528, 64), 64)
    assert not keeps_grid(Sobol(grid=8), within(Sobol(grid=8), 500, 64), 64)
    assert keeps_grid(Sobol(grid=8), within(Sobol(grid=8), 528, 4), 4)  # no finer than pixels
    assert keeps_grid(RISE(), within(RISE(), 132, 64), 64)


def test_points_that_need_no_power_of_two_use_the_budget_up():
    method = within(Sobol(grid=4, sequence="halton"), 200, side=16)
    assert (method.grid, method.points) == (4, 11)  # 198 passes


def test_other_settings_stay():
    method = within(HSIC(grid=5, seed=3, bandwidth="output"), 100, side=16)
    assert method == HSIC(grid=5, seed=3, bandwidth="output", masks=100)


def test_no_grid_is_finer_than_the_image():
    for method in METHODS:
        fitted = within(method, 4224, side=8)
        assert isinstance(fitted, RISE | LIME | HSIC) or fitted.grid <= 8
    x, target = images(n=1, size=8)
    assert torch.isfinite(within(Occlusion(), 4224, side=8)(random_net(), x, target)).all()


def test_what_has_no_rule_and_what_is_too_little_is_refused():
    with pytest.raises(SparksError, match="Saliency has no rule"):
        within(Saliency(), 100, side=16)
    with pytest.raises(SparksError, match=f"take {LEAST}"):
        within(Sobol(), LEAST - 1, side=16)
