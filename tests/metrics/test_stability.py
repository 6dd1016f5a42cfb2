"""AverageStability on methods whose answer is known."""

import pytest
import torch
from scipy.stats import spearmanr

from sparks.metrics import AverageStability, Explanation
from sparks.metrics.maps import UndefinedScoreWarning

X = torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(0))
TARGET = torch.zeros(3, dtype=torch.long)


def steady(z):
    """A model that always says class 0."""
    return torch.tensor([1.0, 0.0]).expand(len(z), 2)


def identity(model, x, target):
    return x[:, 0]


def score(method, model=steady, **settings):
    maps = method(model, X, TARGET)
    return AverageStability(**settings)(Explanation(model, X, TARGET, maps, method=method))


def test_a_method_that_ignores_the_input_is_perfectly_stable():
    values = score(lambda model, x, target: torch.ones(len(x), 6, 6))
    assert (values["AverageStability"] == 0).all()
    assert (values["AverageStabilityL2"] == 0).all()
    assert (values["StabilityKept"] == 1).all()


def test_the_distance_of_the_identity_is_the_norm_of_the_noise():
    values = score(identity, radius=0.1, neighbours=200)
    # Uniform noise in ± r on 36 pixels has a norm near r √(36 / 3), up to 1 %.
    norm = 0.1 * 12**0.5
    torch.testing.assert_close(
        values["AverageStabilityL2"], torch.full((3,), norm), atol=0.01, rtol=0
    )
    relative = values["AverageStabilityL2"] / X[:, 0].flatten(1).norm(dim=1)
    torch.testing.assert_close(values["AverageStability"], relative)


def test_noise_is_symmetric_and_belongs_to_each_input():
    seen = []

    def spy(model, x, target):
        seen.append(x - X if len(x) == 3 else x)
        return x[:, 0]

    AverageStability(neighbours=100, radius=0.1)(
        Explanation(steady, X, TARGET, X[:, 0], method=spy)
    )
    noise = torch.stack(seen)
    assert noise.abs().max() <= 0.1 + 1e-6
    # Mean of 3600 uniform values for each input: standard error 0.001.
    assert (noise.mean((0, 2, 3, 4)).abs() < 0.004).all()
    assert not torch.equal(noise[:, 0], noise[:, 1])
    assert not torch.equal(noise[0], noise[1])


def test_the_size_of_the_values_does_not_make_a_method_stable():
    small = score(lambda model, x, target: x[:, 0] / 1000)
    large = score(identity)
    torch.testing.assert_close(small["AverageStability"], large["AverageStability"])
    assert (small["AverageStabilityL2"] < large["AverageStabilityL2"] / 900).all()


def test_copies_that_change_the_class_do_not_count():
    def by_brightness(z):
        bright = z.flatten(1).mean(1) - X[0].mean()
        return torch.stack([bright, -bright], 1)

    values = score(identity, by_brightness, neighbours=40)
    # The first image sits on the border: half of its copies cross it.
    assert 0.2 < values["StabilityKept"][0] < 0.8

    def own(z):
        return torch.stack([torch.zeros(len(z)), (z != X).flatten(1).any(1).float()], 1)

    with pytest.warns(UndefinedScoreWarning, match="no noisy copy keeps their class"):
        values = score(identity, own)
    assert values["AverageStability"].isnan().all()


def test_neither_neighbours_nor_order_matter():
    values = score(identity)["AverageStability"]
    metric, order = AverageStability(), torch.tensor([2, 0])
    part = metric(Explanation(steady, X[order], TARGET[order], X[order][:, 0], method=identity))
    torch.testing.assert_close(part["AverageStability"], values[order])


def test_the_rank_variant_is_one_minus_spearman_over_pixels():
    found = []

    def spy(model, x, target):
        found.append(x[:, 0])
        return x[:, 0]

    maps = X[:, 0]
    values = AverageStability(neighbours=3)(Explanation(steady, X, TARGET, maps, method=spy))
    for i, value in enumerate(values["AverageStabilityRank"]):
        slow = [1 - spearmanr(maps[i].flatten(), near[i].flatten()).statistic for near in found]
        assert value == pytest.approx(sum(slow) / 3, abs=1e-6)


def test_the_rank_of_a_constant_map_is_undefined():
    with pytest.warns(UndefinedScoreWarning, match="AverageStabilityRank"):
        values = score(lambda model, x, target: torch.ones(len(x), 6, 6))
    assert values["AverageStabilityRank"].isnan().all()
