"""LRP against gradient times input, conservation, and the rules written out for a dense network."""

import pytest
import torch
from torch import nn

from sparks.attribution import LRP, GradientInput
from sparks.errors import SparksError

from .nets import images, random_net


def dense(bias=True):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7, bias=bias), nn.ReLU(), nn.Linear(7, 3, bias=bias)).eval()


def back(relevance, x, weight, bias, alpha_beta=False, gamma=0.0):
    """Hand relevance (out,) back through one layer, contribution by contribution."""
    if alpha_beta:
        weight = weight.clamp(min=0)
    if alpha_beta or gamma:
        bias = torch.zeros_like(bias)
    weight = weight + gamma * weight.clamp(min=0)
    z = weight * x
    total = z.sum(1) + bias
    return (z / total.where(total != 0, torch.ones(()))[:, None] * relevance[:, None]).sum(0)


def test_epsilon_of_a_relu_network_is_gradient_times_input():
    """Shrikumar et al. 2017, with a small epsilon; biases keep their share."""
    model, (x, target) = random_net(), images()
    expected = GradientInput()(model, x, target)
    torch.testing.assert_close(LRP()(model, x, target), expected, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "composite", "alpha-beta"])
def test_relevance_is_conserved_without_biases(rule):
    model, (x, target) = random_net(), images()
    for module in model:
        if getattr(module, "bias", None) is not None:
            module.bias.data.zero_()
    maps = LRP(rule)(model, x, target)
    logits = model(x).gather(1, target[:, None])[:, 0].detach()
    torch.testing.assert_close(maps.sum((1, 2)), logits, atol=1e-4, rtol=1e-3)


def test_rules_of_dense_layers_are_written_out():
    model, x, target = dense(), torch.rand(2, 5), torch.tensor([0, 2])
    first, last = model[0], model[2]
    for rule in ("epsilon", "alpha-beta", "gamma", "composite"):
        found = LRP(rule)(model, x, target)
        for i in range(2):
            hidden = model[:2](x[i]).detach()
            logit = torch.zeros(3)
            logit[target[i]] = model(x[i])[target[i]].detach()
            how = (rule == "alpha-beta", 0.25 if rule == "gamma" else 0.0)
            inner = back(logit, hidden, last.weight.detach(), last.bias.detach(), *how)
            outer = back(inner, x[i], first.weight.detach(), first.bias.detach(), *how)
            torch.testing.assert_close(found[i], outer, atol=1e-5, rtol=1e-3)


def test_the_model_is_left_as_it_was():
    model, (x, target) = random_net(), images()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for rule in ("gamma", "composite"):
        LRP(rule)(model, x, target)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(hasattr(m, "rule") or m._forward_hooks for m in model.modules())


class Residual(nn.Module):
    def __init__(self, in_place):
        super().__init__()
        self.inner, self.head, self.in_place = nn.Linear(5, 5), nn.Linear(5, 3), in_place

    def forward(self, x):
        y = self.inner(x)
        if self.in_place:
            y += x
            return self.head(y)
        return self.head(x + y)


@pytest.mark.parametrize("in_place", [False, True])
def test_sums_of_branches_are_refused(in_place):
    with pytest.raises(SparksError, match="the model adds tensors"):
        LRP()(Residual(in_place), torch.rand(2, 5), torch.tensor([0, 1]))
