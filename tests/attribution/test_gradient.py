"""Gradient methods on linear models (closed form), against Captum, and on what can go wrong."""

import copy

import captum.attr
import pytest
import torch
from pretended_gpu import PretendedGPU
from torch import nn

from sparks.attribution import (
    Captum,
    DeconvNet,
    GradientInput,
    GuidedBackprop,
    IntegratedGradients,
    Saliency,
    SmoothGrad,
    SquareGrad,
    VarGrad,
)
from sparks.errors import SparksError

from .nets import Linear, images, random_net, vectors


def test_a_linear_model_is_explained_by_its_weights():
    model, (x, target) = Linear(2, 8, 8), images()
    w = model.weight.detach()[target]
    torch.testing.assert_close(Saliency()(model, x, target), w.abs().amax(1))
    torch.testing.assert_close(SmoothGrad(samples=3)(model, x, target), w.abs().amax(1))
    torch.testing.assert_close(SquareGrad(samples=3)(model, x, target), (w**2).amax(1))
    torch.testing.assert_close(VarGrad(samples=3)(model, x, target), torch.zeros(3, 8, 8))
    torch.testing.assert_close(GradientInput()(model, x, target), (w * x).sum(1))
    integrated = IntegratedGradients(steps=4, baseline=0.25)(model, x, target)
    torch.testing.assert_close(integrated, (w * (x - 0.25)).sum(1))


def test_vectors_are_explained_as_images_are():
    model, (x, target) = Linear(6), vectors()
    w = model.weight.detach()[target]
    torch.testing.assert_close(Saliency()(model, x, target), w.abs())
    torch.testing.assert_close(GradientInput()(model, x, target), w * x)
    torch.testing.assert_close(IntegratedGradients()(model, x, target), w * x)
    torch.testing.assert_close(SmoothGrad(samples=3)(model, x, target), w.abs())


def test_derivatives_are_of_the_logit():
    model, (x, target) = random_net(), images()
    x.requires_grad_()
    (grads,) = torch.autograd.grad(model(x).gather(1, target[:, None]).sum(), x)
    maps = Saliency()(model, x.detach(), target)
    torch.testing.assert_close(maps, grads.abs().amax(1))
    torch.testing.assert_close(Saliency("mean-abs")(model, x.detach(), target), grads.abs().mean(1))


def test_integrated_gradients_sum_to_the_change_of_the_logit():
    model, (x, target) = random_net(), images()
    maps = IntegratedGradients(steps=400)(model, x, target)
    with torch.no_grad():
        change = (model(x) - model(torch.zeros_like(x))).gather(1, target[:, None])[:, 0]
    torch.testing.assert_close(maps.sum((1, 2)), change, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("rule", "theirs"), [("trapezoid", "riemann_trapezoid"), ("gauss-legendre", "gausslegendre")]
)
def test_integrated_gradients_are_captums(rule, theirs):
    model, (x, target) = random_net(), images()
    found = IntegratedGradients(steps=7, baseline=0.3, rule=rule, batch_size=5)(model, x, target)
    captums = captum.attr.IntegratedGradients(model)
    expected = captums.attribute(x, baselines=0.3, target=target, n_steps=7, method=theirs).sum(1)
    if rule == "trapezoid":  # Captum's weights sum to (steps - 1) / steps
        expected = expected * 7 / 6
    torch.testing.assert_close(found, expected.float())


@pytest.mark.parametrize("method", [Saliency, GradientInput, IntegratedGradients, GuidedBackprop])
def test_a_gpu_is_not_waited_for_between_batches(method):
    model, (x, target) = random_net(), images(6)
    expected = method(batch_size=4)(model, x, target)
    waits = []
    for size in (64, 4):
        with PretendedGPU() as gpu:
            found = method(batch_size=size)(copy.deepcopy(model).to(gpu.device), x, target)
            waits.append(len(gpu.waits))
        torch.testing.assert_close(found, expected)
    assert waits[0] == waits[1] <= 6


@pytest.mark.parametrize("method", [Saliency, GradientInput, IntegratedGradients])
def test_an_input_whose_logits_are_not_finite_is_named(method):
    """Behind the ReLU of an endless activation the derivative is a harmless-looking number."""

    class Endless(nn.Module):
        def forward(self, x):
            y = x.flatten(1)[:, :2].relu()
            bright = x.detach().flatten(1).sum(1, keepdim=True) > 100
            return y + torch.where(bright, torch.inf, 0)

    x = torch.rand(5, 3, 8, 8) / 2
    x[3] = 0.9
    with pytest.raises(SparksError, match=r"output for input 3.*NaN or infinite"):
        method(batch_size=2)(Endless(), x, torch.zeros(5, dtype=torch.long))


@pytest.mark.parametrize("steps", [10, 20, 50])
def test_gauss_legendre_steps_sum_up_closer(steps):
    """Where the gradient is smooth: behind tanh. A linear model needs no steps at all."""
    model, (x, target) = random_net(), images()
    smooth = nn.Sequential(*(nn.Tanh() if isinstance(m, nn.ReLU) else m for m in model))
    with torch.no_grad():
        change = (smooth(x) - smooth(torch.zeros_like(x))).gather(1, target[:, None])[:, 0]
    error = {
        rule: (IntegratedGradients(steps=steps, rule=rule)(smooth, x, target).sum((1, 2)) - change)
        .abs().max()
        for rule in ("trapezoid", "gauss-legendre")
    }  # fmt: skip
    assert error["gauss-legendre"] < 2e-6  # rounding
    assert error["gauss-legendre"] < error["trapezoid"] / 3 or error["trapezoid"] < 2e-6
    linear = Linear(2, 8, 8)
    w = linear.weight.detach()[target]
    exact = IntegratedGradients(steps=2, rule="gauss-legendre")(linear, x, target)
    torch.testing.assert_close(exact, (w * x).sum(1))


METHODS = [
    Saliency,
    GradientInput,
    IntegratedGradients,
    SmoothGrad,
    SquareGrad,
    VarGrad,
    GuidedBackprop,
    DeconvNet,
]


@pytest.mark.parametrize("method", METHODS)
def test_maps_depend_on_neither_batch_size_nor_neighbours(method):
    model, (x, target) = random_net(), images()
    maps = method(batch_size=64)(model, x, target)
    assert maps.shape == (3, 8, 8)
    assert not maps.requires_grad
    torch.testing.assert_close(method(batch_size=2)(model, x, target), maps)
    torch.testing.assert_close(method()(model, x[2:], target[2:]), maps[2:])


def test_no_more_inputs_than_the_batch_size_are_seen_at_once():
    sizes = []
    net, (x, target) = random_net(), images(7)

    def model(batch):
        sizes.append(len(batch))
        return net(batch)

    for method in (Saliency, IntegratedGradients, SmoothGrad, VarGrad):
        method(batch_size=4)(model, x, target)
        assert max(sizes) <= 4


def test_noise_statistics_are_those_of_a_direct_loop():
    model, (x, target) = random_net(), images()
    settings = {"samples": 5, "deviation": 0.3, "seed": 7}
    generator = torch.Generator().manual_seed(7)
    grads = []
    for _ in range(5):
        noise = 0.3 * torch.randn(x.shape[1:], generator=generator)
        noisy = (x + noise).requires_grad_()
        grads.append(torch.autograd.grad(model(noisy).gather(1, target[:, None]).sum(), noisy)[0])
    grads = torch.stack(grads)
    smooth = SmoothGrad(**settings)(model, x, target)
    torch.testing.assert_close(smooth, grads.mean(0).abs().amax(1))
    square = SquareGrad(**settings)(model, x, target)
    torch.testing.assert_close(square, (grads**2).mean(0).amax(1))
    torch.testing.assert_close(VarGrad(**settings)(model, x, target), grads.var(0).amax(1))
    assert not torch.equal(SmoothGrad(**{**settings, "seed": 8})(model, x, target), smooth)


def test_noise_leaves_the_global_generator_alone():
    model, (x, target) = random_net(), images()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    SmoothGrad(samples=2)(model, x, target)
    Captum("captum.attr.GradientShap", options={"baselines": torch.zeros(1, 2, 8, 8)})(
        model, x, target
    )
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("rule", [GuidedBackprop, DeconvNet])
def test_rectified_gradients_follow_their_rule(rule, in_place):
    model, (x, target) = random_net(in_place=in_place), images()

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z.relu()

        @staticmethod
        def backward(ctx, grad):
            (z,) = ctx.saved_tensors
            return grad.relu() * (z > 0) if rule is GuidedBackprop else grad.relu()

    class Rectifier(nn.Module):
        def forward(self, z):
            return Rule.apply(z)

    direct = nn.Sequential(*(Rectifier() if isinstance(m, nn.ReLU) else m for m in model))
    noisy = x.clone().requires_grad_()
    (grads,) = torch.autograd.grad(direct(noisy).gather(1, target[:, None]).sum(), noisy)
    maps = rule()(model, x, target)
    torch.testing.assert_close(maps, grads.abs().amax(1))
    assert not torch.allclose(maps, Saliency()(model, x, target))
    # The model is as it was.
    assert all(m.inplace == in_place for m in model if isinstance(m, nn.ReLU))
    assert not any(m._backward_hooks or m._forward_hooks for m in model)


def test_a_model_without_relu_modules_is_refused():
    x, target = images()
    with pytest.raises(SparksError, match="the model has none"):
        GuidedBackprop()(Linear(2, 8, 8), x, target)


def test_the_adapter_gives_what_captum_gives():
    model, (x, target) = random_net(), images()
    maps = Captum("captum.attr.DeepLift", options={"baselines": 0.1})(model, x, target)
    expected = captum.attr.DeepLift(model).attribute(x, target=target, baselines=0.1)
    torch.testing.assert_close(maps, expected.detach().sum(1))
    options = {"sliding_window_shapes": [2, 4, 4], "strides": [2, 4, 4]}
    maps = Captum("captum.attr.Occlusion", options=options)(model, x, target)
    expected = captum.attr.Occlusion(model).attribute(x, (2, 4, 4), (2, 4, 4), target=target)
    torch.testing.assert_close(maps, expected.detach().sum(1))
    maps = Captum("captum.attr.LayerGradCam", layer="3", channels="sum")(model, x, target)
    assert maps.shape == (3, 8, 8)
    with pytest.raises(SparksError, match=r"'captum.attr.Nothing' is not a class"):
        Captum("captum.attr.Nothing")(model, x, target)


@pytest.mark.parametrize("method", METHODS)
def test_an_explanation_that_is_not_finite_names_the_input(method):
    model, (x, target) = random_net(), images()
    x[1, 0, 0, 0] = torch.nan
    with pytest.raises(SparksError, match="input 1 holds NaN"):
        method()(model, x, target)
    with torch.no_grad():
        model[0].bias[0] = torch.nan
    with pytest.raises(SparksError, match=r"the model's output .* holds NaN"):
        method()(model, images()[0], target)


def test_bad_arguments_are_refused():
    model, (_, target) = random_net(), images()
    with pytest.raises(SparksError, match="channels='median'"):
        Saliency(channels="median")
    with pytest.raises(SparksError, match="black-box method for tokens"):
        Saliency()(model, torch.ones(2, 3, dtype=torch.long), target[:2])
