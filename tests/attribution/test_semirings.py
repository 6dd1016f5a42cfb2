"""Paths of gradients against an enumeration of all of them, one by one."""

import math

import pytest
import torch
from torch import nn

from sparks.attribution import GradientPaths, Saliency
from sparks.attribution.semirings import heaviest_path
from sparks.errors import SparksError
from sparks.models import seeded

from .nets import Linear, images, random_net


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


def edges(module, x):
    """All paths through a module: (input, output) → the weights of its paths."""
    if isinstance(module, nn.Sequential):
        found = None
        for layer in module:
            own = edges(layer, x)
            found = own if found is None else joined(found, own)
            x = layer(x)
        return found
    if isinstance(module, Residual):
        found = edges(module.layers, x)
        for i in range(x[0].numel()):
            found.setdefault((i, i), []).append(1.0)
        return found
    jacobian = torch.autograd.functional.jacobian(module, x)
    jacobian = jacobian.reshape(module(x).numel(), x.numel())
    return {(i, o): [abs(float(jacobian[o, i]))] for o, i in jacobian.nonzero().tolist()}


def joined(first, second):
    found = {}
    for (i, middle), before in first.items():
        for (start, o), after in second.items():
            if middle == start:
                found.setdefault((i, o), []).extend(a * b for a in before for b in after)
    return found


def by_hand(weights, of):
    if of == "count":
        return math.log(len(weights)) if weights else 0.0
    if of == "entropy":
        total = sum(weights)
        return -sum(w / total * math.log(w / total) for w in weights) if weights else 0.0
    return {"max": max, "sum": sum}[of](weights, **({"default": 0.0} if of == "max" else {}))


def dense():
    layers = (nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4), Residual(nn.Linear(4, 4), nn.ReLU()))
    return nn.Sequential(*layers, nn.Linear(4, 2)), torch.rand(2, 3)


def convolutional():
    layers = (
        nn.Conv2d(2, 2, 2, stride=2, padding=1),
        nn.ReLU6(),
        Residual(nn.Conv2d(2, 2, 3, padding=1, groups=2), nn.ReLU()),
        nn.MaxPool2d(2, stride=1),
        nn.AvgPool2d(2, stride=1, padding=1),
        nn.Flatten(),
    )
    return nn.Sequential(*layers, nn.Linear(8, 3)), torch.rand(2, 2, 3, 3)


@pytest.fixture(params=[dense, convolutional])
def network(request):
    with seeded(5):
        model, x = request.param()
    return model.double().eval(), x


@pytest.mark.parametrize("of", ["max", "sum", "entropy", "count"])
def test_paths_are_those_of_an_enumeration(network, of):
    model, x = network
    target = torch.tensor([1, 0])
    maps = GradientPaths(of=of)(model, x, target)
    whole = GradientPaths(of=of).whole(model, x, target)
    for n in range(2):
        paths = edges(model, x[n : n + 1].double())
        per_input = [paths.get((i, int(target[n])), []) for i in range(x[0].numel())]
        size = x[0, 0].numel() if x.ndim == 4 else 1
        pixels = x[0].numel() // (2 if x.ndim == 4 else 1)
        expected = []
        for pixel in range(pixels):  # the paths from all channels of a pixel
            own = [i for i in range(len(per_input)) if x.ndim == 2 or i % size == pixel]
            own = [pixel] if x.ndim == 2 else own
            expected.append(by_hand([w for i in own for w in per_input[i]], of))
        assert maps[n].flatten().tolist() == pytest.approx(expected, rel=1e-5, abs=1e-7)
        every = [w for weights in per_input for w in weights]
        assert len(every) > 20
        assert float(whole[n]) == pytest.approx(by_hand(every, of), rel=1e-9)


def test_the_heaviest_path_has_the_weight_of_its_edges(network):
    model, x = network
    target = torch.tensor([1, 0])
    weight, passed = heaviest_path(model, x, target)
    expected = GradientPaths(of="max").whole(model, x, target)
    torch.testing.assert_close(weight, expected)
    assert (passed[:, -1] == target).all()
    for n in range(2):
        start = int(passed[n, 0])
        weights = edges(model, x[n : n + 1].double())[start, int(target[n])]
        assert max(weights) == pytest.approx(float(weight[n]))


def test_a_path_goes_around_what_its_shortcut_skips():
    """Half of the identity in the branch: the shortcut is twice as heavy."""
    branch = nn.Linear(3, 3)
    head = nn.Linear(3, 1)
    with torch.no_grad():
        branch.weight.copy_(0.5 * torch.eye(3))
        head.weight.copy_(torch.tensor([[0.1, 2.0, 0.3]]))
    model = nn.Sequential(Residual(branch), head).eval()
    weight, passed = heaviest_path(model, torch.rand(1, 3), torch.tensor([0]))
    assert weight.item() == pytest.approx(2.0)
    assert passed.tolist() == [[1, -1, 1, 0]]


def test_of_one_layer_the_sum_is_saliency_and_nothing_is_uncertain():
    model, (x, target) = Linear(2, 8, 8), images()
    dense = nn.Sequential(nn.Flatten(), nn.Linear(128, 3))
    with torch.no_grad():
        dense[1].weight.copy_(model.weight.flatten(1))
    largest = GradientPaths(of="max")(dense, x, target)
    torch.testing.assert_close(largest, Saliency()(dense, x, target))
    two = GradientPaths(of="entropy")(dense, x, target)  # a path from each of two channels
    assert float(two.max()) <= math.log(2) + 1e-6


def test_networks_without_rules_are_refused_by_name():
    x, target = images()
    model = nn.Sequential(nn.Conv2d(2, 2, 3), nn.Sigmoid(), nn.Flatten(), nn.Linear(72, 3))
    with pytest.raises(SparksError, match=r"layer 1 \(Sigmoid\) has no rule"):
        GradientPaths()(model, x, target)
    with pytest.raises(SparksError, match="paths of gradients are read"):
        GradientPaths()(lambda x: random_net()(x), x, target)
    with pytest.raises(SparksError, match="of='other'"):
        GradientPaths(of="other")
