"""Stability in rank, on methods whose maps are known."""

import pytest
import torch
from scipy.stats import spearmanr

from sparks.metrics import Stability
from sparks.metrics.maps import UndefinedScoreWarning

X = torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(0))
TARGET = torch.zeros(3, dtype=torch.int64)


def identity(model, x, target):
    return x[:, 0]


def test_a_map_that_never_changes_is_stable_and_scales_do_not_matter():
    maps = identity(None, X, TARGET)

    def scaled(model, x, target):
        return 3 * maps + 1

    values = Stability(neighbours=3)(None, X, TARGET, maps, method=scaled)
    assert torch.allclose(values["Stability"], torch.zeros(3), atol=1e-6)
    opposite = Stability(neighbours=3)(None, X, TARGET, maps, method=lambda *a: -maps)
    assert torch.allclose(opposite["Stability"], torch.full((3,), 2.0))


def test_it_is_scipys_correlation_with_the_noisy_copy():
    seen = []

    def spy(model, x, target):
        seen.append(x)
        return identity(model, x, target)

    values = Stability(neighbours=1, noise=0.5)(None, X, TARGET, X[:, 0], method=spy)
    noise = seen[0] - X
    assert float(noise.min()) >= 0
    assert float(noise.max()) <= 0.5
    for i in range(3):
        rho = spearmanr(X[i].ravel(), seen[0][i].ravel()).statistic
        assert float(values["Stability"][i]) == pytest.approx(1 - rho, abs=1e-6)
        assert float(values["StabilityL2"][i]) == pytest.approx(float(noise[i].norm()), rel=1e-5)


def test_a_constant_map_has_no_stability():
    maps = X[:, 0].clone()
    maps[1] = 2.0
    with pytest.warns(UndefinedScoreWarning):
        values = Stability(neighbours=2)(None, X, TARGET, maps, method=identity)
    assert values["Stability"].isnan().tolist() == [False, True, False]
