"""GuidedBackprop and DeconvNet see every ReLU, however it is written, or refuse the network."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sparks.attribution import Captum, DeconvNet, GuidedBackprop, Saliency
from sparks.errors import SparksError

from .nets import images

RULES = pytest.mark.parametrize("rule", [GuidedBackprop, DeconvNet])


class Direct(torch.autograd.Function):
    """The rule, written out for a network that asks for it by name."""

    @staticmethod
    def forward(ctx, z, cap, guided):
        ctx.save_for_backward(z)
        ctx.cap, ctx.guided = cap, guided
        return z.clamp(0, cap)

    @staticmethod
    def backward(ctx, grad):
        (z,) = ctx.saved_tensors
        inside = (z > 0) & (z < ctx.cap) if ctx.guided else torch.ones_like(z, dtype=torch.bool)
        return grad.clamp(min=0) * inside, None, None


class Net(nn.Module):
    """Three activations, each as given, the last one after a residual sum."""

    def __init__(self, *activations):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(24, 3)
        self.acts = activations
        self.registered = nn.ModuleList({a for a in activations if isinstance(a, nn.Module)})

    def forward(self, x):
        a = self.acts[0](5 * self.one(x))
        b = self.acts[1](4 * self.two(a))
        c = self.acts[2](a - b)
        return self.head(F.adaptive_avg_pool2d(c, 2).flatten(1))


def statement(z):
    """In place, and its result not looked at."""
    F.relu_(z)
    return z


SHARED = nn.ReLU()
PLAIN = {
    "modules": (nn.ReLU(), nn.ReLU(), nn.ReLU()),
    "one module, shared": (SHARED, SHARED, SHARED),
    "in place": (nn.ReLU(inplace=True), nn.ReLU(), nn.ReLU(inplace=True)),
    "functional": (F.relu, torch.relu, F.relu),
    "methods": (lambda z: z.relu(), lambda z: z.relu_(), lambda z: z.relu()),
    "statements": (statement, statement, statement),
    "functional in place": (lambda z: F.relu(z, True), F.relu, lambda z: F.relu(z, inplace=True)),
    "mixed": (nn.ReLU(), F.relu, torch.relu),
}
CAPPED = {
    "modules": (nn.ReLU6(), nn.ReLU6(), nn.ReLU6()),
    "in place": (nn.ReLU6(inplace=True), nn.ReLU6(), nn.ReLU6(inplace=True)),
    "functional": (F.relu6, F.relu6, lambda z: F.relu6(z, inplace=True)),
    "hardtanh": (nn.Hardtanh(0, 6), lambda z: F.hardtanh(z, 0, 6), lambda z: F.hardtanh_(z, 0, 6)),
}
CASES = [("plain", k, v, torch.inf) for k, v in PLAIN.items()]
CASES += [("capped", k, v, 6.0) for k, v in CAPPED.items()]


@RULES
@pytest.mark.parametrize(
    ("_", "__", "activations", "cap"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_every_way_to_write_a_relu_follows_the_rule(rule, _, __, activations, cap):
    x, target = images()
    apply = lambda z: Direct.apply(z, cap, rule is GuidedBackprop)  # noqa: E731
    direct, at = Net(apply, apply, apply), x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(direct(at).gather(1, target[:, None]).sum(), at)
    model = Net(*activations)
    maps = rule()(model, x, target)
    torch.testing.assert_close(maps, slope.abs().amax(1))
    assert not torch.allclose(maps, Saliency()(model, x, target))
    rule().check(model, x[:1])


@RULES
@pytest.mark.parametrize(
    "other",
    [nn.GELU(), F.gelu, nn.SiLU(), nn.LeakyReLU(), F.leaky_relu, nn.ELU(), nn.Hardswish(),
     nn.PReLU(), nn.Softplus(), nn.Threshold(0, 0), nn.Hardtanh(), nn.Mish(), nn.SELU(), nn.CELU()],
    ids=lambda other: getattr(other, "__name__", repr(other)),
)  # fmt: skip
def test_activations_that_have_no_rule_are_refused_by_name(rule, other):
    (x, target), model = images(), Net(nn.ReLU(), other, F.relu)
    for ask in (lambda: rule()(model, x, target), lambda: rule().check(model, x[:1])):
        with pytest.raises(
            SparksError, match=r"rule for ReLU and ReLU6 alone, and the model calls \w+"
        ):
            ask()


@RULES
def test_networks_without_relus_are_refused(rule):
    (x, target), model = images(), Net(torch.sigmoid, torch.tanh, nn.Identity())
    for ask in (lambda: rule()(model, x, target), lambda: rule().check(model, x[:1])):
        with pytest.raises(SparksError, match="the model has none"):
            ask()


def test_densenet_whose_last_relu_is_functional():
    """Torchvision's DenseNet ends with F.relu: its guided map is that of a module there."""
    import torchvision

    torch.manual_seed(0)
    net = torchvision.models.DenseNet(8, (2, 2), 8, num_classes=3).eval()
    x, target = torch.rand(2, 3, 32, 32), torch.tensor([0, 1])

    class Written(nn.Module):
        def __init__(self):
            super().__init__()
            self.features, self.relu, self.head = net.features, nn.ReLU(), net.classifier

        def forward(self, x):
            return self.head(self.relu(self.features(x)).mean((2, 3)))

    guided = GuidedBackprop()
    torch.testing.assert_close(guided(net, x, target), guided(Written(), x, target))


@pytest.mark.parametrize("name", ["DeepLift", "GuidedBackprop", "Deconvolution"])
def test_captum_classes_that_hook_modules_refuse_functions_they_would_not_see(name):
    x, target = images()
    method = Captum(f"captum.attr.{name}")
    with pytest.raises(
        SparksError, match=rf"{name} wants activations that are modules.* calls relu"
    ):
        method(Net(nn.ReLU(), F.relu, nn.ReLU()), x, target)
    method(Net(nn.ReLU(), nn.ReLU(), nn.ReLU()), x, target)
    # Others are made of derivatives, which are right however activations are written.
    Captum("captum.attr.InputXGradient")(Net(F.relu, F.relu, F.relu), x, target)
