"""The harmonizer's loss against slow direct versions, SciPy and finite differences."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import nn

from sparks.alignment import RECIPES, ClickMaps, Harmonizer, gaussian_pyramid, harmonizer_loss
from sparks.alignment.harmonizer import has_map, visible_energy, weight_penalty
from sparks.errors import SparksError
from sparks.training.losses import CrossEntropy, Step

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=generator(seed), dtype=torch.float64)


def slow_level(image, padding):
    """One level down, by SciPy's convolution of a bordered image, at every second pixel."""
    if padding == "same":
        border = [((t := (-(-n // 2) - 1) * 2 + 5 - n) // 2, t - t // 2) for n in image.shape]
        image = np.pad(image, border)
    else:
        image = np.pad(image, 2, mode={"symmetric": "constant", "reflect": "reflect"}[padding])
    return convolve2d(image, BINOMIAL, mode="valid")[::2, ::2]


@pytest.mark.parametrize("padding", ["same", "symmetric", "reflect"])
@pytest.mark.parametrize("shape", [(16, 16), (13, 18)])
def test_the_pyramid_is_scipys_convolution(padding, shape):
    maps = rand(2, *shape)
    found = gaussian_pyramid(maps, 3, padding)
    assert [tuple(level.shape[1:]) for level in found] == [
        shape,
        tuple(-(-n // 2) for n in shape),
        tuple(-(-n // 4) for n in shape),
    ]
    for n in range(2):
        wanted = maps[n].numpy()
        for level in found[1:]:
            wanted = slow_level(wanted, padding)
            np.testing.assert_allclose(level[n].numpy(), wanted, atol=1e-12)


def slow_loss(saliency, human, tokens, recipe):
    """The equations of the loss, image by image, in float64."""

    def cut(h):
        std = np.std(h, ddof=int(recipe.bessel))
        return np.maximum((h - h.mean()) / (std + recipe.eps_std), 0)

    total = 0.0
    for s, phi, t in zip(saliency, human, tokens, strict=True):
        ours, psi = cut(s), cut(phi)
        psi = psi / (psi.max() + recipe.eps_human) * (ours.max() + recipe.eps_saliency)
        for level in range(recipe.levels):
            if level:
                ours, psi = (slow_level(h, recipe.padding) for h in (ours, psi))
            total += t * np.mean((ours - psi) ** 2) / recipe.levels
    return total / len(saliency)


@pytest.mark.parametrize("name", RECIPES)
def test_the_loss_is_the_slow_direct_one_in_every_recipe(name):
    recipe = RECIPES[name]
    saliency, human = rand(3, 64, 64) - 0.4, rand(3, 64, 64, seed=1) ** 3
    tokens = torch.tensor([1.0, 0.0 if recipe.tokens else 1.0, 1.0], dtype=torch.float64)
    found = harmonizer_loss(saliency, human, tokens, recipe)
    wanted = slow_loss(saliency.numpy(), human.numpy(), tokens.numpy(), recipe)
    assert float(found) == pytest.approx(wanted, rel=1e-12)


def test_recipes_differ_as_the_code_bases_do():
    losses = {
        name: float(harmonizer_loss(rand(2, 64, 64), rand(2, 64, 64, seed=1), recipe=recipe))
        for name, recipe in RECIPES.items()
    }
    assert len(set(losses.values())) == len(RECIPES)
    assert RECIPES["2022"].levels == 6
    assert not RECIPES["pytorch"].stop_gradient


def test_switching_a_token_on_never_lowers_the_loss_and_none_gives_zero():
    saliency, human = rand(4, 16, 16) - 0.5, rand(4, 16, 16, seed=1)
    losses = [
        float(harmonizer_loss(saliency, human, (torch.arange(4) < on).double())) for on in range(5)
    ]
    assert losses[0] == 0
    assert all(a < b for a, b in pairwise(losses))


def test_the_scale_of_the_gradient_and_of_the_map_do_not_matter():
    saliency, human = rand(2, 16, 16) - 0.5, rand(2, 16, 16, seed=1)
    one, other = (harmonizer_loss(c * saliency, 7 * c * human) for c in (1.0, 1000.0))
    assert float(one) == pytest.approx(float(other), rel=1e-3)


class Tiny(nn.Module):
    """logit_c = V_c · tanh(W x): its input gradient has a closed form."""

    def __init__(self, pixels, channels, seed=0):
        super().__init__()
        d = channels * pixels**2
        self.w = nn.Parameter(torch.randn(4, d, generator=generator(seed), dtype=torch.float64))
        self.v = nn.Parameter(torch.randn(3, 4, generator=generator(seed + 1)).double())

    def forward(self, x):
        return torch.tanh(x.flatten(1) @ self.w.T) @ self.v.T


def direct(w, v, x, y, human, recipe, weight):
    """Cross-entropy plus weight times L_harm in NumPy, the input gradient by hand."""
    hidden = np.tanh(x.reshape(len(x), -1) @ w.T)
    logits = hidden @ v.T
    top = logits.max(1, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    gradient = ((v[y] * (1 - hidden**2)) @ w).reshape(x.shape)
    tokens = [float(h.max() > h.min()) for h in human]
    harm = slow_loss(gradient.mean(1), human, tokens, recipe)
    return -log_p[np.arange(len(y)), y].mean() + weight * harm


def test_its_derivative_by_the_weights_is_the_finite_difference(monkeypatch):
    """Gradients of gradients: differences of a version that never differentiates."""
    # Without the stopped gradient, so that the difference sees the whole of it.
    whole = dataclasses.replace(RECIPES["released"], stop_gradient=False)
    monkeypatch.setitem(RECIPES, "whole", whole)
    model, x = Tiny(16, 2), rand(3, 2, 16, 16) - 0.5
    y, human = torch.tensor([0, 2, 1]), rand(3, 16, 16, seed=5).float().double()
    human[1] = 0.3  # tells nothing
    step = Step(model, model, x, y, human[:, None])
    total = sum(Harmonizer(ClickMaps(), weight=3.0, recipe="whole").terms(step, {}))
    gradients = torch.autograd.grad(total, [model.w, model.v])
    weights = [model.w.detach().numpy(), model.v.detach().numpy()]
    arrays = [x.numpy(), y.numpy(), human.numpy(), whole, 3.0]
    assert float(total.detach()) == pytest.approx(direct(*weights, *arrays), rel=1e-5)
    for which, gradient in enumerate(gradients):
        for place in [(0, 3), (1, 0), (2, 2)]:
            values = []
            for shift in (1e-4, -1e-4):
                moved = [w.copy() for w in weights]
                moved[which][place] += shift
                values.append(direct(*moved, *arrays))
            difference = (values[0] - values[1]) / 2e-4
            assert float(gradient[place]) == pytest.approx(difference, rel=2e-3, abs=1e-6)


def test_the_stopped_gradient_stops_that_of_the_maximum():
    saliency, human = rand(1, 16, 16) - 0.5, rand(1, 16, 16, seed=1)
    gradients = []
    for recipe in (
        RECIPES["released"],
        dataclasses.replace(RECIPES["released"], stop_gradient=False),
    ):
        s = saliency.clone().requires_grad_()
        harmonizer_loss(s, human, recipe=recipe).backward()
        gradients.append(s.grad)
    differs = (gradients[0] - gradients[1]).abs().amax()
    assert differs > 1e-6


def test_micro_batches_add_up_to_the_whole_batch_and_bound_what_is_computed_at_once():
    x, y, human = rand(5, 2, 16, 16), torch.tensor([0, 1, 2, 0, 1]), rand(5, 16, 16, seed=1)
    found, sizes = {}, {}
    for micro in (None, 2):
        model = Tiny(16, 2)
        seen = []

        def forward(part, model=model, seen=seen):
            seen.append(len(part))
            return model(part)

        loss = Harmonizer(ClickMaps(), weight=2.0, micro_batch=micro)
        for term in loss.terms(Step(model, forward, x, y, human[:, None]), {}):
            term.backward()
        found[micro], sizes[micro] = [p.grad for p in model.parameters()], seen
    assert sizes == {None: [5], 2: [2, 2, 1]}
    for whole, parts in zip(found[None], found[2], strict=True):
        torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize("human", ["none", "empty", "mixed"])
def test_images_without_a_map_only_classify(human):
    model, x, y = Tiny(16, 2), rand(4, 2, 16, 16), torch.tensor([0, 1, 2, 0])
    maps = torch.zeros(4, 1, 16, 16)
    if human == "mixed":
        maps[2] = rand(1, 16, 16).float()
    step = Step(model, model, x, y, None if human == "none" else maps)
    total = sum(Harmonizer(ClickMaps(), weight=10.0).terms(step, {}))
    plain = CrossEntropy().of_logits(model(x), y, {})
    assert total.isfinite()
    assert (total > plain) if human == "mixed" else bool(total == plain)
    total.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_maps_that_do_not_fit_or_are_not_finite_are_refused():
    with pytest.raises(SparksError, match="do not fit"):
        harmonizer_loss(rand(2, 16, 16), rand(2, 8, 8))
    broken = rand(2, 16, 16)
    broken[1, 0, 0] = torch.nan
    with pytest.raises(SparksError, match="human map 1"):
        harmonizer_loss(rand(2, 16, 16), broken)
    with pytest.raises(SparksError, match="every image"):
        harmonizer_loss(rand(2, 16, 16), torch.zeros(2, 16, 16).double(), recipe=RECIPES["pytorch"])
    with pytest.raises(SparksError, match="1 to 4 pyramid levels"):
        harmonizer_loss(rand(2, 8, 8), rand(2, 8, 8))
    with pytest.raises(SparksError, match="recipe"):
        Harmonizer(ClickMaps(), recipe="mine")


def test_a_map_tells_something_unless_it_is_the_same_everywhere():
    maps = torch.stack([torch.zeros(4, 4), torch.ones(4, 4), torch.eye(4)])
    assert has_map(maps).tolist() == [0, 0, 1]


def test_the_decay_spares_normalisations_and_embeddings():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Embedding(4, 2), nn.LayerNorm(3))
    wanted = (net[0].weight.norm() ** 2 + net[0].bias.norm() ** 2) / 2
    torch.testing.assert_close(weight_penalty(net), wanted)


@pytest.mark.parametrize("saliency", ["mean", "norm"])
def test_the_loss_sees_the_gradient_as_its_setting_says(saliency):
    model, x, y = Tiny(16, 2), rand(3, 2, 16, 16), torch.tensor([0, 2, 1])
    human = rand(3, 16, 16, seed=5).float()
    total = sum(
        Harmonizer(ClickMaps(), weight=2.0, saliency=saliency).terms(
            Step(model, model, x, y, human[:, None]), {}
        )
    )
    x = x.clone().requires_grad_()
    logits = model(x)
    (gradient,) = torch.autograd.grad(logits.gather(1, y[:, None]).sum(), x, retain_graph=True)
    seen = gradient.float().mean(1) if saliency == "mean" else gradient.float().norm(dim=1)
    wanted = CrossEntropy().of_logits(logits, y, {}) + 2 * harmonizer_loss(seen, human)
    torch.testing.assert_close(total, wanted)


def test_the_visible_energy_of_independent_channels_is_one_over_their_number():
    gradient = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = visible_energy(gradient)
    torch.testing.assert_close(found, torch.full((4,), 1 / 3), atol=0.02, rtol=0)
    torch.testing.assert_close(visible_energy(gradient[:, :1]), torch.ones(4))


def test_an_unknown_saliency_is_refused():
    with pytest.raises(SparksError, match="saliency"):
        Harmonizer(ClickMaps(), saliency="max")
