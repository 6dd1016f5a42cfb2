"""A copy with batch norms folded, and channels last, computes the same; the network stays."""

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional

import sparks.attribution as methods
from sparks.engine import Engine, Grid
from sparks.models import Classifier, ConvNet, ResNet18, efficientnet_lite
from sparks.models.folded import channels_last_weights, folded, in_place_of


class Odd(nn.Module):
    """What must not be folded: a norm of a sum, of a shared convolution, of one heard elsewhere."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, bias=True), nn.BatchNorm2d(8)
        self.shared, self.norms = nn.Conv2d(8, 8, 1), nn.ModuleList(nn.BatchNorm2d(8) for _ in "ab")
        self.heard, self.after = nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8, affine=False)
        self.scaled, self.scale = Halved(8, 8, 1), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.norm(self.first(x)).relu()
        x = self.norms[0](self.shared(x)) + self.norms[1](self.shared(x.relu()))
        y = self.heard(x)
        x = self.after(y) + y
        return self.head(self.scale(self.scaled(x)).mean((2, 3)))


class Halved(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) / 2


def lively(net):
    """A network whose batch norms do something."""
    with torch.no_grad():
        for norm in net.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.running_mean.uniform_(-0.3, 0.3)
                norm.running_var.uniform_(0.3, 3)
                if norm.affine:
                    norm.weight.uniform_(-1.5, 1.5)
                    norm.bias.uniform_(-0.5, 0.5)
    return Classifier(net, 3, 0.4, 0.3).eval()


def norms(net):
    return sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())


X = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
NETS = {
    "convnet": (lambda: ConvNet(3, 4, 32, (8, 16)), 0),
    "resnet": (lambda: ResNet18(3, 4, 8), 0),
    "lite": (lambda: efficientnet_lite(0, size=32), 0),  # with its weights
    "odd": (Odd, 4),
}


@pytest.mark.parametrize("name", NETS)
def test_logits_and_derivatives_are_the_same(name):
    torch.manual_seed(0)
    make, left = NETS[name]
    model = lively(make()) if name != "lite" else Classifier(make(), 3, 127 / 255, 128 / 255).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = []
    for context in (None, folded(model, X)):
        x = X.clone().requires_grad_()
        if context is None:
            logits = model(x)
        else:
            with context:
                assert norms(in_place_of(model.net)) == left < norms(model.net)
                logits = model(x)
        found.append((logits.detach(), *torch.autograd.grad(logits[:, 0].sum(), x)))
    for plain, fast in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain, rtol=0, atol=1e-5 * float(plain.abs().max()))
    assert in_place_of(model.net) is model.net
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_weights_that_change_are_taken_over():
    model = lively(ConvNet(3, 4, 32, (8,)))
    for change in (
        lambda: None,
        lambda: model.net.stages[0][0].conv1.weight.data.mul_(2),
        lambda: model.net.stages[0][0].norm1.running_mean.add_(1),
        lambda: setattr(model.net.stages[0], "conv2", nn.Conv2d(8, 8, 1)),
        model.double,
    ):
        change()
        expected = model(X.to(next(model.parameters())))
        with folded(model, X):
            assert norms(in_place_of(model.net)) < norms(model.net)
            torch.testing.assert_close(model(X.to(expected)), expected, rtol=1e-5, atol=1e-5)


def test_hooks_and_code_that_cannot_be_traced_are_left_alone():
    model = lively(ConvNet(3, 4, 32, (8,)))
    handle = model.net.stem.register_forward_hook(lambda *_: None)
    with folded(model, X):
        assert in_place_of(model.net) is model.net
    handle.remove()

    class Branching(ConvNet):
        def forward(self, x):
            return super().forward(x) if x.sum() > 0 else super().forward(-x)

    class OfTheBatch(ConvNet):
        """Traced with one batch size, it is another network at another."""

        def forward(self, x):
            return super().forward(x) * torch.ones(()).add(float(torch.randn(()))).exp()

    for kind in (Branching, OfTheBatch):
        model = lively(kind(3, 4, 32, (8,)))
        with folded(model, X):
            assert in_place_of(model.net) is model.net


def test_copies_go_with_their_networks():
    model = lively(ConvNet(3, 4, 32, (8,)))
    with folded(model, X):
        model(X)
    gone = weakref.ref(model.net)
    del model
    gc.collect()
    assert gone() is None


MAPS = {
    "Saliency": methods.Saliency(),
    "GradientInput": methods.GradientInput(),
    "IntegratedGradients": methods.IntegratedGradients(steps=8),
    "SmoothGrad": methods.SmoothGrad(samples=4),
    "GuidedBackprop": methods.GuidedBackprop(),
    "GradCAM": methods.GradCAM(layer="stages.1"),
    "Occlusion": methods.Occlusion(),
    "RISE": methods.RISE(masks=64),
    "Sobol": methods.Sobol(grid=4, points=8),
    "LIME": methods.LIME(samples=64),
    "EVA": methods.EVA(epsilon=0.02, grid=2, layer="stages.1", samples=4),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_are_the_same(name, monkeypatch):
    """To rounding, which turns a ReLU on or off here and there."""
    torch.manual_seed(1)
    model = lively(ConvNet(3, 4, 32, (8, 16)))
    target = torch.tensor([0, 1, 2, 3])
    monkeypatch.setattr("sparks.models.folded._made", lambda *_: None)
    expected = MAPS[name](model, X, target).flatten(1)
    monkeypatch.undo()
    channels_last_weights(model)
    found = MAPS[name](model, X, target).flatten(1)
    assert float((found - expected).norm() / expected.norm()) < 1e-3


@pytest.mark.parametrize("last", [False, True])
def test_scores_are_those_of_the_plain_network(last):
    torch.manual_seed(2)
    model = lively(ResNet18(3, 4, 8))
    masks = torch.rand(10, 16)
    grid = Grid((4, 4), (32, 32))
    spread = grid.expand(masks)
    with torch.no_grad():
        expected = torch.stack([model(x * spread)[:, 2] for x in X])
    engine = Engine(batch_size=7, channels_last=last)
    found = engine.score(model, X, torch.full((4,), 2), masks, grid)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(40))
def test_convolutions_with_channels_last_are_right(seed):
    """Outputs and derivatives by the input of any convolution, against NCHW in float64.

    Batches of one, repeated inputs, slices, few channels, groups, strides, and weights in either
    format: what oneDNN has kernels of its own for.
    """
    random = torch.Generator().manual_seed(seed)

    def draw(*values):
        return values[int(torch.randint(len(values), (), generator=random))]

    channels, kernel, stride = draw(1, 2, 3, 4, 5, 7, 8, 16, 33), draw(1, 1, 2, 3, 5), draw(1, 2, 3)
    groups = draw(1, 1, channels)
    out = groups * draw(1, 2, 3, 8)
    size = [draw(5, 6, 9, 17), draw(5, 8, 13)]
    x = torch.randn(draw(1, 3, 8), channels, *size, generator=random)
    x = draw(x, x[:1].expand_as(x), torch.cat([x, x], 1)[:, :channels])
    weight = torch.randn(out, channels // groups, kernel, kernel, generator=random)
    settings = (None, stride, draw(0, kernel // 2), draw(1, 1, 2) if kernel < 3 else 1, groups)
    exact = x.double().contiguous().requires_grad_()
    with torch.backends.mkldnn.flags(enabled=False):
        expected = functional.conv2d(exact, weight.double(), *settings)
        slope = torch.randn(expected.shape, generator=random, dtype=torch.float64)
        (expected_slope,) = torch.autograd.grad(expected, exact, slope)
    last = torch.channels_last
    for given in (x, x.contiguous(memory_format=last)):
        for w in (weight, weight.contiguous(memory_format=last)):
            there = given.detach().requires_grad_()
            found = functional.conv2d(there, w, *settings)
            (found_slope,) = torch.autograd.grad(found, there, slope.float())
            for one, other in ((found, expected), (found_slope, expected_slope)):
                bound = 1e-5 * float(other.detach().abs().max())
                torch.testing.assert_close(one.double(), other, rtol=0, atol=bound)
