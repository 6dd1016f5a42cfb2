"""Six distances against closed forms and other libraries; what does not exist is said."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr, wasserstein_distance
from skimage.metrics import structural_similarity
from torch import Tensor

from sparks.errors import SparksError
from sparks.stability.distances import DISTANCES, Distances


def maps(seed: int, n: int = 4, h: int = 9, w: int = 9) -> Tensor:
    return torch.randn(n, h, w, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("ties", [False, True])
def test_spearman_is_that_of_scipy(ties: bool):
    a, b = (maps(s).mul(2).round() if ties else maps(s) for s in (0, 1))
    found = DISTANCES["spearman"](a, b)
    for i in range(len(a)):
        rho = spearmanr(a[i].flatten(), b[i].flatten()).statistic
        assert found[i].item() == pytest.approx(1 - abs(rho), abs=1e-12)


def test_ssim_is_that_of_scikit_image():
    a, b = (maps(s, h=12, w=11).abs() for s in (2, 3))
    a, b = (m / m.amax((1, 2), keepdim=True) for m in (a, b))
    found = DISTANCES["ssim"](a, b)
    for i in range(len(a)):
        theirs = structural_similarity(a[i].numpy(), b[i].numpy(), win_size=7, data_range=1.0)
        # scikit-image leaves out the border whose windows would leave the image, as here.
        assert found[i].item() == pytest.approx(1 - theirs, abs=1e-9)


def test_l1_l2_and_dice_by_hand():
    a = torch.tensor([[[1.0, 0.0], [0.0, 0.5]]])
    b = torch.tensor([[[0.0, -4.0], [0.0, 2.0]]])  # scaled: 0, 1, 0, 0.5
    assert DISTANCES["l1"](a, b).item() == pytest.approx(0.5)
    assert DISTANCES["l2"](a, b).item() == pytest.approx(math.sqrt(0.5))
    assert DISTANCES["dice"](a, b).item() == pytest.approx(1 - 2 * 0.25 / 2.5)


@pytest.mark.parametrize("move", [(0, 3), (4, 0), (3, 4)])
def test_wasserstein_of_a_moved_spot_is_how_far_it_moved(move: tuple[int, int]):
    a, b = torch.zeros(1, 16, 16), torch.zeros(1, 16, 16)
    a[0, 5:8, 4:7] = 1
    b[0, 5 + move[0] : 8 + move[0], 4 + move[1] : 7 + move[1]] = 7.0  # mass is scaled to 1
    found = DISTANCES["wasserstein"](a, b).item() * 16
    assert found == pytest.approx(math.hypot(*move), rel=0.01)


def test_wasserstein_of_one_row_is_that_of_scipy_times_the_projection():
    a, b = (maps(s, h=1, w=20).abs() for s in (4, 5))
    # All mass lies on one line: each direction sees it shrunk by |cos|, whose mean is 2 / π.
    shrink = np.mean([abs(math.cos(math.pi * i / 16)) for i in range(16)]) * math.pi / 2
    places = np.arange(20)
    for i, found in enumerate(DISTANCES["wasserstein"](a, b)):
        theirs = wasserstein_distance(places, places, a[i, 0].numpy(), b[i, 0].numpy())
        assert found.item() == pytest.approx(theirs * shrink / 20, rel=1e-9)


def test_sliced_wasserstein_is_near_optimal_transport():
    a, b = (maps(s, n=1, h=5, w=5).abs() for s in (6, 7))
    p, q = ((m[0] / m[0].sum()).flatten().numpy() for m in (a, b))
    places = np.stack(np.meshgrid(range(5), range(5), indexing="ij"), -1).reshape(-1, 2)
    cost = cdist(places, places).ravel()
    rows = np.kron(np.eye(25), np.ones(25))
    columns = np.kron(np.ones(25), np.eye(25))
    exact = linprog(cost, A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([p, q])).fun
    found = DISTANCES["wasserstein"](a, b).item() * 5
    # A projection never costs more than the plan itself; π/2 corrects for what it shrinks.
    assert 0.5 * exact < found <= exact * math.pi / 2


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), h=st.integers(2, 12))
def test_every_distance_is_0_for_itself_symmetric_and_free_of_scale(
    seed: int, scale: float, h: int
):
    a, b = maps(seed, n=2, h=h), maps(seed + 1, n=2, h=h)
    same, ahead, back = Distances()(a, a * scale), Distances()(a, b), Distances()(b * scale, a)
    for name in DISTANCES:
        assert same[name].abs().max() < 1e-6, name
        assert torch.allclose(ahead[name], back[name], atol=1e-9), name
        assert (ahead[name] >= -1e-12).all(), name


def test_constant_and_broken_maps_count_as_set():
    a, b = maps(8, n=3), maps(9, n=3)
    a[0] = 5.0
    b[1, 0, 0] = math.nan
    b[2, 0, 0] = math.inf
    a[2] = 0.0
    found = Distances(constant=0.7, nan=0.9)(a, b)
    assert found["flag"].tolist() == [1, 2, 2]
    assert found["spearman"].tolist() == [0.7, 0.9, 0.9]
    assert all(found[name][1:].tolist() == [0.9, 0.9] for name in DISTANCES)
    assert all(found[name].isfinite().all() for name in DISTANCES)
    left_out = Distances(constant=None, nan=None)(a, b)
    assert left_out["spearman"].isnan().all()
    assert left_out["l1"].isnan().tolist() == [False, True, True]


def test_a_zero_map_has_no_mass_to_move():
    zero, some = torch.zeros(1, 4, 4), maps(1, n=1, h=4, w=4)
    found = Distances(constant=1.0)(zero, some)
    assert found["wasserstein"].item() == 1.0
    assert found["dice"].item() == 1.0


def test_bad_input_is_refused():
    with pytest.raises(SparksError, match="cannot be compared"):
        Distances()(maps(0, h=4), maps(0, h=5))
    with pytest.raises(SparksError, match="0 or more"):
        Distances(constant=-1.0)
