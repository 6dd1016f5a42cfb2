"""Robustness-Sr against the closed form of a linear model, and its invariances."""

import warnings

import pytest
import torch

from sparks.engine import Uniform
from sparks.errors import SparksError
from sparks.metrics import Deletion, Explanation, MuFidelity, RobustnessSr
from sparks.metrics.maps import UndefinedScoreWarning
from sparks.metrics.robustness import ResolutionWarning
from sparks.verification import Attack


class Linear(torch.nn.Module):
    """Logits Σ w x + b."""

    def __init__(self, *shape, classes=3):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn(classes, *shape, generator=generator))
        self.bias = torch.nn.Parameter(torch.randn(classes, generator=generator))

    def forward(self, x):
        return x.flatten(1) @ self.weight.flatten(1).T + self.bias


def images():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 2, 8, 8, generator=generator), torch.randint(3, (3,), generator=generator)


def test_on_a_linear_model_the_distance_is_that_to_the_hyperplane():
    # Of several classes, an attack may set out for one that is not the nearest.
    model, (x, _) = Linear(2, 8, 8, classes=2), images()
    target = model(x).argmax(1)
    maps = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    share, largest = 0.25, 4.0
    metric = RobustnessSr(
        shares=[share], largest=largest, bisections=14, attack=Attack(steps=3, clip=False)
    )
    found = metric(Explanation(model, x, target, maps))["Robustness-Sr"]
    logits, w = model(x).detach(), model.weight.detach()
    for i in range(3):
        top = maps[i].flatten().argsort(descending=True)[:16]
        wanted = min(
            float(logits[i, target[i]] - logits[i, k])
            / float((w[k] - w[target[i]]).flatten(1)[:, top].abs().sum())
            for k in range(2)
            if k != target[i]
        )
        assert float(found[i]) == pytest.approx(wanted, abs=2 * largest / 2**14)


def test_a_search_that_ends_once_the_class_flips_finds_what_whole_attacks_find():
    torch.manual_seed(0)
    layers = (torch.nn.Flatten(), torch.nn.Linear(128, 32), torch.nn.Tanh(), torch.nn.Linear(32, 3))
    model, x = torch.nn.Sequential(*layers), torch.rand(40, 2, 8, 8)
    target, free, attack = model(x).argmax(1), (x > 0.3).float(), Attack(steps=7, batch_size=16)
    found = attack.distance(model, x, target, free, largest=0.1, rounds=5)
    low, high = torch.zeros(40), torch.full((40,), 0.1)
    flips = attack(model, x, target, free, high) > 0
    assert 5 < int(flips.sum()) < 40  # some flip, in some step, and some do not
    for _ in range(5):
        half = (low + high) / 2
        above = attack(model, x, target, free, half) > 0
        low, high = torch.where(above, low, half), torch.where(above, half, high)
    assert torch.equal(found, torch.where(flips, high, torch.tensor(0.1)))


def test_more_features_need_no_larger_change_and_a_good_map_less():
    model, (x, _) = Linear(2, 8, 8), images()
    target = model(x).argmax(1)
    w = model.weight.detach()
    best = torch.stack([(w - w[t]).abs().amax(0).sum(0) for t in target])
    metric = RobustnessSr(largest=4.0, attack=Attack(steps=3, clip=False))
    curve = metric.curves(model, x, target, best)
    assert (curve[:, 1:] <= curve[:, :-1]).all()
    score = {
        name: metric(Explanation(model, x, target, maps))["Robustness-Sr"].mean()
        for name, maps in (("best", best), ("worst", -best))
    }
    assert score["best"] < score["worst"]
    order = torch.tensor([2, 0])
    part = metric(Explanation(model, x[order], target[order], best[order]))["Robustness-Sr"]
    assert torch.equal(part, metric(Explanation(model, x, target, best))["Robustness-Sr"][order])


def test_where_nothing_flips_the_largest_counts_and_nan_is_flagged():
    model, (x, _) = Linear(2, 8, 8), images()
    target = model(x).argmax(1)
    metric = RobustnessSr(largest=1e-6, attack=Attack(steps=2))
    maps = torch.rand(3, 8, 8)
    assert metric(Explanation(model, x, target, maps))["Robustness-Sr"].tolist() == pytest.approx(
        [1e-6] * 3
    )
    maps[1, 0, 0] = torch.nan
    with pytest.warns(UndefinedScoreWarning, match="Robustness-Sr"):
        assert metric(Explanation(model, x, target, maps))["Robustness-Sr"].isnan().tolist() == [
            False, True, False,
        ]  # fmt: skip


def test_distances_at_the_resolution_of_the_search_are_flagged():
    x = torch.full((2, 1, 3, 3), 0.5)
    x[1] += 0.3  # further from the border, which is at a mean of 1/2 + 1/1000
    weight = torch.full((1, 9), 1 / 9)

    def model(images):
        above = images.flatten(1) @ weight.T - 0.499
        return torch.cat([above, torch.zeros_like(above)], 1)

    target, maps = torch.zeros(2, dtype=torch.long), torch.rand(2, 3, 3)
    coarse = RobustnessSr(shares=(1.0,), bisections=3)
    with pytest.warns(ResolutionWarning, match=r"1 of 2 inputs is 0\.125"):
        assert coarse(Explanation(model, x, target, maps))["Robustness-Sr"][0] == 1 / 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RobustnessSr(shares=(1.0,), bisections=12)(Explanation(model, x, target, maps))


def test_bad_settings_are_refused():
    with pytest.raises(SparksError, match="shares"):
        RobustnessSr(shares=[0.5, 1.5])
    x, target = images()
    with pytest.raises(SparksError, match="steps=0"):
        RobustnessSr(attack=Attack(steps=0))(
            Explanation(Linear(2, 8, 8), x, target, torch.rand(3, 8, 8))
        )


def test_the_random_baseline_replaces_pixels_by_uniform_noise_of_each_image():
    x, _ = images()
    noise = Uniform(seed=3).baseline(x)
    assert 0 <= noise.min() < 0.05
    assert 0.95 < noise.max() <= 1
    assert torch.equal(Uniform(seed=3).baseline(x[1:2])[0], noise[1])
    assert not torch.equal(noise[0], noise[1])
    sample_index, kept = torch.arange(3), torch.tensor([1.0, 0.0, 1.0]).reshape(3, 1, 1, 1)
    masked = Uniform()(x, noise, sample_index, kept.expand(3, 1, 8, 8))
    torch.testing.assert_close(masked, torch.stack([x[0], noise[1], x[2]]))
    # Both metrics take it: on a linear model the drop is the sum over what is replaced.
    model = Linear(2, 8, 8)
    target = model(x).argmax(1)
    w = model.weight.detach()[target]
    maps = (w * (x - Uniform().baseline(x))).sum(1)
    fidelity = MuFidelity(perturbation=Uniform(), correlation="pearson", grid=None)
    assert fidelity(Explanation(model, x, target, maps))["MuFidelity"].amin() > 0.999
    steps = Deletion(perturbation=Uniform(), steps=2, output="logit").curves(model, x, target, maps)
    torch.testing.assert_close(
        steps[:, 0] - steps[:, 2], maps.flatten(1).sum(1), rtol=1e-3, atol=1e-3
    )
