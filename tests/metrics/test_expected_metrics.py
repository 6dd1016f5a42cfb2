"""Metrics of other papers: closed forms, direct slow versions, and maps whose score is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from torch import nn

from sparks.attribution import Input, Saliency
from sparks.engine import Engine, NoisyLinearImputation
from sparks.engine.inference import moved_inputs
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.metrics import (
    ROAD,
    DataRandomisation,
    Explanation,
    Infidelity,
    MaxSensitivity,
    ModelRandomisation,
    MuFidelity,
    Relevance,
    SensitivityN,
)
from sparks.metrics.randomisation import randomised


def net(channels=1, side=8, classes=3):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(4 * side * side, classes),
    ).eval()  # fmt: skip


def explained(model, method=None, n=3):
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(n, 1, 8, 8, generator=generator)
    target = torch.arange(n) % 3
    method = method or Saliency()
    return Explanation(model, x, target, method(model, x, target), method=method)


# --- predictions of drops ----------------------------------------------------------------------


def sums_and_drops(metric, explanation):
    """The sums of importances and the drops of random subsets, one subset after the other."""
    x, maps = explanation.x, explanation.maps
    removed = metric._subsets(x, 64).reshape(len(x), -1, 8, 8)
    sums, drops = torch.zeros(2, len(x), removed.shape[1], dtype=torch.float64)
    for i, target in enumerate(explanation.target.tolist()):
        for j, gone in enumerate(removed[i]):
            sums[i, j] = maps[i][gone].double().sum()
            with torch.no_grad():
                logits = explanation.model(torch.stack([x[i], x[i] * ~gone]))[:, target]
            drops[i, j] = (logits[0] - logits[1]).double()
    return sums.numpy(), drops.numpy()


def test_infidelity_is_the_error_of_the_best_line_through_zero():
    explanation = explained(net())
    metric = Infidelity(subsets=30, grid=None, importance="sum")
    value = metric(explanation)["Infidelity"]
    for found, a, b in zip(value, *sums_and_drops(metric, explanation), strict=True):
        scale, error, *_ = np.linalg.lstsq(a[:, None], b, rcond=None)
        assert found == pytest.approx(float(error[0] / (b**2).sum()), rel=1e-3)
        assert scale[0] != 0


def test_infidelity_does_not_know_the_unit_of_a_map():
    explanation = explained(net())
    scaled = replace(explanation, maps=-7 * explanation.maps)
    torch.testing.assert_close(Infidelity()(scaled), Infidelity()(explanation))


def test_sensitivity_n_is_the_mean_of_pearsons_correlations():
    explanation = explained(net())
    shares = (0.1, 0.5)
    value = SensitivityN(subsets=30, shares=shares, grid=None)(explanation)["SensitivityN"]
    expected = np.zeros(3)
    for share in shares:
        one = MuFidelity(subsets=30, share=share, grid=None)
        pairs = zip(*sums_and_drops(one, explanation), strict=True)
        expected += [pearsonr(a, b).statistic / len(shares) for a, b in pairs]
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-4)


# --- relevance inside a mask -------------------------------------------------------------------


def test_relevance_counts_positive_values_inside():
    maps = torch.tensor([[[3.0, -1.0], [1.0, 0.0]]])
    truth = torch.tensor([[[True, True], [False, False]]])
    found = Relevance()(Explanation(None, torch.rand(1, 1, 2, 2), None, maps, truth))
    assert found["RelevanceMass"].item() == pytest.approx(3 / 4)
    assert found["RelevanceRank"].item() == pytest.approx(1 / 2)


def test_random_maps_reach_the_area_of_the_mask():
    truth = torch.zeros(400, 8, 8, dtype=torch.bool)
    truth[:, :4, :4] = True
    x, maps = torch.rand(400, 1, 8, 8), torch.rand(400, 8, 8)
    found = Relevance()(Explanation(None, x, None, maps, truth))
    for value in found.values():
        assert value.mean().item() == pytest.approx(1 / 4, abs=0.02)
    oracle = Relevance()(Explanation(None, x, None, truth.float(), truth))
    assert all(bool((value == 1).all()) for value in oracle.values())
    with pytest.raises(SparksError, match="Relevance needs true masks"):
        Relevance()(Explanation(None, x, None, maps))


# --- ROAD --------------------------------------------------------------------------------------


def test_imputed_pixels_are_the_weighted_means_of_their_neighbours():
    """Gauss-Seidel, pixel by pixel, until nothing moves."""
    torch.manual_seed(0)
    x = torch.rand(1, 2, 6, 5, dtype=torch.float64)
    mask = torch.rand(1, 1, 6, 5) > 0.6
    found = NoisyLinearImputation(deviation=0)(
        x, None, torch.zeros(1, dtype=torch.long), mask.double()
    )
    value = torch.where(mask, x, 0.0)[0]
    for _ in range(400):
        for row in range(6):
            for column in range(5):
                if mask[0, 0, row, column]:
                    continue
                total, weight = torch.zeros(2, dtype=torch.float64), 0.0
                for down in (-1, 0, 1):
                    for across in (-1, 0, 1):
                        r, c = row + down, column + across
                        if (down or across) and 0 <= r < 6 and 0 <= c < 5:
                            share = 1 / 12 if down and across else 1 / 6
                            total, weight = total + share * value[:, r, c], weight + share
                value[:, row, column] = total / weight
    torch.testing.assert_close(found[0], value, atol=1e-6, rtol=1e-6)


def test_imputation_keeps_a_plane_of_one_colour_and_an_image_without_pixels_is_its_mean():
    x = torch.full((1, 3, 7, 7), 0.4)
    rows = torch.zeros(2, dtype=torch.long)
    masks = torch.stack([(torch.rand(1, 7, 7) > 0.5).float(), torch.zeros(1, 7, 7)])
    remove = NoisyLinearImputation(deviation=0)
    torch.testing.assert_close(remove(x, None, rows, masks), x.expand(2, -1, -1, -1))
    noisy = NoisyLinearImputation(deviation=0.1)(x, None, rows, masks)
    assert torch.equal(noisy[0][:, masks[0, 0] == 1], x[0][:, masks[0, 0] == 1])
    assert noisy[1].std().item() == pytest.approx(0.1, rel=0.3)


class Brightness(nn.Module):
    """Logit of class 0: the sum of the left half."""

    def forward(self, x):
        left = x[..., : x.shape[-1] // 2].sum((1, 2, 3))
        return torch.stack([left, torch.zeros_like(left)], 1)


def test_road_ranks_the_oracle_above_random_above_its_opposite():
    torch.manual_seed(0)
    x = torch.zeros(6, 1, 8, 8)
    x[..., :4] = torch.rand(6, 1, 8, 4)
    oracle = torch.zeros(6, 8, 8)
    oracle[..., :4] = 1 + x[:, 0, :, :4]
    metric = ROAD(output="logit", engine=Engine(batch_size=16))
    target = torch.zeros(6, dtype=torch.long)
    best, chance, worst = (
        metric(Explanation(Brightness(), x, target, maps))["ROAD"].mean().item()
        for maps in (oracle, torch.rand(6, 8, 8), -oracle)
    )
    assert best == pytest.approx(-worst, rel=0.05)
    assert best > 5 * abs(chance)


# --- explained again ---------------------------------------------------------------------------


def test_max_sensitivity_is_the_largest_of_its_neighbours():
    explanation = explained(net())
    one_by_one = []
    metric = MaxSensitivity(neighbours=4, radius=0.3)
    for x, target, maps in zip(explanation.x, explanation.target, explanation.maps, strict=True):
        (generator,) = generators(x[None], 0)
        changes = []
        for _ in range(4):
            near = x + 0.3 * (2 * torch.rand(x.shape, generator=generator) - 1)
            with moved_inputs():
                found = Saliency()(net(), near[None], target[None])[0]
            changes.append(float((found - maps).norm() / maps.norm()))
        one_by_one.append(max(changes))
    value = metric(explanation)["MaxSensitivity"]
    np.testing.assert_allclose(value.numpy(), one_by_one, rtol=1e-4)
    with pytest.raises(SparksError, match="MaxSensitivity explains again"):
        metric(Explanation(net(), explanation.x, explanation.target, explanation.maps))


def test_a_map_that_ignores_the_model_is_exposed():
    model = net()
    blind = ModelRandomisation()(explained(model, Input()))
    assert all(torch.allclose(value, torch.ones(3)) for value in blind.values())
    seeing = ModelRandomisation()(explained(model))
    assert float(seeing["ModelRandomisation"].abs().max()) < 0.6


def test_randomisation_is_spearmans_correlation_with_the_other_models_map():
    model, other = net(), net()
    other[3].reset_parameters()
    explanation = explained(model)
    maps = Saliency()(other, explanation.x, explanation.target)
    expected = [
        spearmanr(a.flatten(), b.flatten()).statistic
        for a, b in zip(explanation.maps, maps, strict=True)
    ]
    found = DataRandomisation(other=other)(explanation)["DataRandomisation"]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


def test_weights_are_drawn_anew_in_a_copy():
    model = net()
    before = [p.clone() for p in model.parameters()]
    head, whole = randomised(model, 0, all_of_it=False), randomised(model, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    same = [torch.equal(a, b) for a, b in zip(before, head.parameters(), strict=True)]
    assert same == [True, True, False, False]
    assert not any(torch.equal(a, b) for a, b in zip(before, whole.parameters(), strict=True))
    again = randomised(model, 0)
    assert all(
        torch.equal(a, b) for a, b in zip(again.parameters(), whole.parameters(), strict=True)
    )
    assert math.isfinite(float(whole(torch.rand(1, 1, 8, 8)).detach().sum()))


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(64, 3))

    def forward(self, x):
        return x.flatten(1) @ self.weight


def test_weights_that_no_layer_can_draw_are_named():
    with pytest.raises(SparksError, match="no layer has no method `reset_parameters`"):
        randomised(Bare(), 0)
    with pytest.raises(SparksError, match="Bare has no method `reset_parameters`"):
        randomised(nn.Sequential(Bare(), nn.Linear(3, 3)), 0)
