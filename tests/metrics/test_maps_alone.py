"""Metrics that look at maps alone: the pointing game, complexity, sparseness."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparks.errors import SparksError
from sparks.metrics import Complexity, Explanation, PointingGame, Sparseness
from sparks.metrics.maps import UndefinedScoreWarning

X = torch.rand(4, 1, 5, 5, generator=torch.Generator().manual_seed(0))
MAPS = torch.rand(4, 5, 5, generator=torch.Generator().manual_seed(1))


def test_the_pointing_game_asks_whether_the_maximum_is_inside():
    truth = torch.zeros(4, 5, 5, dtype=torch.bool)
    best = MAPS.flatten(1).argmax(1)
    for i in (0, 2):
        truth[i].view(-1)[best[i]] = True
    truth[1].view(-1)[(best[1] + 1) % 25] = True
    with pytest.warns(UndefinedScoreWarning, match="true masks are empty"):
        values = PointingGame()(Explanation(None, X, None, MAPS, truth))
    assert values["PointingGame"][:3].tolist() == [1, 0, 1]
    assert values["PointingGame"][3].isnan()
    torch.testing.assert_close(values["PointingChance"], torch.tensor([1, 1, 1, 0]) / 25)


def test_equal_maxima_are_chosen_at_random():
    """A constant map must hit as often as chance, wherever the mask is."""
    x = torch.rand(600, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    for corner in (slice(0, 2), slice(3, 5)):
        truth = torch.zeros(600, 5, 5, dtype=torch.bool)
        truth[:, corner] = True
        hits = PointingGame()(Explanation(None, x, None, torch.zeros(600, 5, 5), truth))[
            "PointingGame"
        ]
        assert hits.mean().item() == pytest.approx(0.4, abs=0.06)  # three standard errors


def test_the_pointing_game_refuses_what_it_cannot_judge():
    with pytest.raises(SparksError, match="needs true masks"):
        PointingGame()(Explanation(None, X, None, MAPS, None))
    with pytest.raises(SparksError, match="do not fit maps"):
        PointingGame()(Explanation(None, X, None, MAPS, torch.ones(4, 3, 3, dtype=torch.bool)))


def test_the_pointing_game_needs_no_models():
    code = "import sparks.metrics.pointing, sys; print('sparks.models' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_entropy_and_sparseness_of_known_maps():
    one_hot = torch.zeros(5, 5)
    one_hot[2, 3] = -7.0  # the sign does not count
    two = torch.zeros(5, 5)
    two[0, 0], two[4, 4] = 1.0, 1.0
    maps = torch.stack([torch.ones(5, 5), one_hot, two])
    entropy = Complexity()(Explanation(None, X[:3], None, maps))["Entropy"]
    torch.testing.assert_close(entropy, torch.tensor([math.log(25), 0.0, math.log(2)]))
    values = Sparseness()(Explanation(None, X[:3], None, maps))
    torch.testing.assert_close(values["Gini"], torch.tensor([0.0, 24 / 25, 23 / 25]))
    hoyer = torch.tensor([0.0, 1.0, (5 - 2**0.5) / 4])
    torch.testing.assert_close(values["Hoyer"], hoyer, atol=1e-6, rtol=0)


def test_gini_is_the_mean_absolute_difference():
    values = Sparseness()(Explanation(None, X, None, MAPS))["Gini"].numpy()
    for i in range(4):
        a = MAPS[i].flatten().double().numpy()
        direct = np.abs(a[:, None] - a).mean() / (2 * a.mean())
        assert values[i] == pytest.approx(direct, rel=1e-5)


@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3))
def test_the_scale_of_a_map_does_not_matter(seed, scale):
    maps = torch.randn(4, 5, 5, generator=torch.Generator().manual_seed(seed))
    for metric in (Complexity(), Sparseness()):
        plain, scaled = (
            metric(Explanation(None, X, None, maps)),
            metric(Explanation(None, X, None, maps * scale)),
        )
        for name in ("Entropy", "Gini", "Hoyer"):
            if name in plain:
                torch.testing.assert_close(plain[name], scaled[name], atol=1e-4, rtol=1e-4)


def test_noise_takes_more_bytes_than_a_smooth_map_and_a_constant_none():
    ramp = torch.linspace(0, 1, 64).expand(64, 64)
    noise = torch.rand(64, 64, generator=torch.Generator().manual_seed(0))
    x = torch.rand(3, 1, 64, 64)
    sizes = Complexity()(
        Explanation(None, x, None, torch.stack([torch.ones(64, 64), ramp, noise]))
    )["JPEGSize"]
    assert sizes[0] == 0
    assert 0 < sizes[1] < sizes[2] / 5


def test_maps_that_are_zero_or_nan_are_flagged():
    maps = MAPS.clone()
    maps[1] = 0
    maps[2, 0, 0] = torch.nan
    with pytest.warns(UndefinedScoreWarning):
        values = {
            **Complexity()(Explanation(None, X, None, maps)),
            **Sparseness()(Explanation(None, X, None, maps)),
        }
    for name in ("Entropy", "Gini", "Hoyer"):
        assert values[name].isnan().tolist() == [False, True, True, False]
    assert values["JPEGSize"].isnan().tolist() == [False, False, True, False]
