"""f = h ∘ g at every layer that `layers` offers, and refusals where there is no such pair."""

from functools import cache

import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.models import MLP, Classifier, ConvNet, ViTTiny, seeded, torchvision_classifier
from sparks.models.split import affine_start

NETS = {
    "convnet": (lambda: ConvNet(3, 5, 32, (4, 8), 2), 3, 32),
    "convnet on digits": (lambda: ConvNet(1, 10, 8, (4, 8)), 1, 8),
    "mlp": (lambda: MLP(1, 10, 8, (16, 8), dropout=0.5), 1, 8),
    "vit_tiny": (lambda: ViTTiny(3, 5, 16, None, 16, 2, 2, dropout=0.5), 3, 16),
    "resnet18": (lambda: torchvision_classifier("resnet18", 5), 3, 32),
    "vgg11": (lambda: torchvision_classifier("vgg11", 5), 3, 32),
    "densenet121": (lambda: torchvision_classifier("densenet121", 5), 3, 32),  # in-place F.relu
    "swin_t": (lambda: torchvision_classifier("swin_t", 5), 3, 32),
}


LARGE = ("resnet18", "vgg11", "densenet121", "swin_t")  # drawing their weights takes seconds


VGG = pytest.param("vgg11", marks=pytest.mark.nightly)  # 130 million weights
SWIN = pytest.param("swin_t", marks=pytest.mark.nightly)


def network(name):
    make, channels, _ = NETS[name]
    with seeded(0):
        return Classifier(make(), channels, [0.4] * channels, [0.3] * channels).eval()


shared = cache(network)


def build(name):
    """A model, which tests of small ones may change, and images."""
    _, channels, size = NETS[name]
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, channels, size, size, generator=generator)
    return shared(name) if name in LARGE else network(name), x


@pytest.mark.parametrize(
    "name", [*(name for name in NETS if name not in ("vgg11", "swin_t")), VGG, SWIN]
)
def test_h_after_g_is_the_model_at_every_layer(name):
    model, x = build(name)
    layers = model.layers()
    assert len(layers) >= 3
    with torch.no_grad():
        logits = model(x)
        for layer in layers[:: max(1, len(layers) // 12)]:
            g, h = model.split(layer)
            activation = g(x)
            before = activation.clone()
            torch.testing.assert_close(h(activation), logits, rtol=1e-5, atol=1e-6)
            assert torch.equal(activation, before), f"h changed its input at {layer}"


@pytest.mark.parametrize("name", ["convnet", "mlp", "vit_tiny", "resnet18", VGG])
def test_h_is_rest_after_an_affine_start(name):
    model, x = build(name)
    with torch.no_grad():
        for layer in model.layers():
            g, h = model.split(layer)
            start, rest = affine_start(h)
            a, b = g(x)
            pair, between = torch.stack([a, b]), (1.7 * a - 0.7 * b)[None]
            torch.testing.assert_close(rest(start(pair)), h(pair))
            one, other = start(pair)
            expected = (1.7 * one - 0.7 * other)[None]
            torch.testing.assert_close(start(between), expected, rtol=1e-4, atol=1e-5)


def test_how_far_h_is_affine():
    model, x = build("convnet")
    g, h = model.split("stages.1")
    start, rest = affine_start(h)  # mean over places, linear head
    assert torch.equal(start(g(x)), h(g(x)))
    assert torch.equal(rest(x), x)
    g, h = model.split("stages.0")
    assert torch.equal(affine_start(h)[0](g(x)), g(x))


def test_a_layer_of_another_type_is_not_taken_for_affine():
    class Squared(nn.Linear):
        def forward(self, input):
            return super().forward(input) ** 2

    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), Squared(72, 4), nn.Linear(4, 2))
    model, x = Classifier(net).eval(), torch.rand(2, 3, 8, 8)
    g, h = model.split("0")
    start, rest = affine_start(h)
    assert start(g(x)).shape == (2, 72)
    torch.testing.assert_close(rest(start(g(x))), model(x))


@pytest.mark.parametrize(
    ("name", "layer"),
    [("convnet", "stages.0"), ("resnet18", "layer3"), ("densenet121", "features.conv0")],
)
def test_g_is_what_a_forward_hook_sees(name, layer):
    model, x = build(name)
    seen = []
    module = model.net.get_submodule(layer)
    with torch.no_grad():
        handle = module.register_forward_hook(lambda _, __, output: seen.append(output.clone()))
        model(x)
        handle.remove()
        torch.testing.assert_close(model.split(layer)[0](x), seen[0])


def test_vit_of_torchvision_splits_between_its_blocks():
    from torchvision.models import VisionTransformer

    with seeded(0):
        net = VisionTransformer(16, 8, 2, 2, 8, 16, num_classes=3)
        nn.init.normal_(net.heads.head.weight)
    model = Classifier(net).eval()
    x = torch.rand(2, 3, 16, 16)
    g, h = model.split("encoder.layers.encoder_layer_0")
    assert g(x).shape == (2, 5, 8)
    torch.testing.assert_close(h(g(x)), model(x))


@pytest.mark.parametrize("name", ["convnet", "vit_tiny", "resnet18"])
def test_gradients_flow_through_both_parts(name):
    model, x = build(name)
    layer = model.layers()[len(model.layers()) // 2]
    g, h = model.split(layer)
    x.requires_grad_()
    (expected,) = torch.autograd.grad(model(x)[:, 0].sum(), x)
    a = g(x)
    (through_h,) = torch.autograd.grad(h(a)[:, 0].sum(), a, retain_graph=True)
    (composed,) = torch.autograd.grad(a, x, through_h)
    torch.testing.assert_close(composed, expected, rtol=1e-4, atol=1e-7)
    assert composed.abs().sum() > 0


def test_h_takes_a_leaf_that_requires_grad_before_an_in_place_layer():
    model, x = build("vgg11")
    g, h = model.split("features.0")  # an in-place ReLU follows
    a = g(x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(h(a).sum(), a)
    assert gradient.shape == a.shape


def test_inside_a_residual_branch_is_refused_with_the_possible_layers():
    model, _ = build("resnet18")
    with pytest.raises(SparksError, match=r"'layer1\.0\.conv1' cannot be split at.*layer1\.0, lay"):
        model.split("layer1.0.conv1")
    assert "layer1.0.conv1" not in model.layers()


def test_a_shared_module_is_refused():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.first, self.last = nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)

        def forward(self, x):
            return self.relu(self.last(self.relu(self.first(x))))

    with pytest.raises(SparksError, match="called several times"):
        Classifier(Shared()).split("relu")


def test_an_unknown_layer_is_refused_with_close_names():
    model, _ = build("convnet")
    with pytest.raises(SparksError, match=r"'stage\.1' does not exist: did you mean 'stages\.1'"):
        model.split("stage.1")


def test_a_network_that_branches_on_values_is_refused():
    class Branching(nn.Module):
        def forward(self, x):
            return x.flatten(1) if x.sum() > 0 else -x.flatten(1)

    with pytest.raises(SparksError, match="Branching cannot be traced"):
        Classifier(Branching()).split("anything")


def test_splitting_leaves_the_mode_of_every_module():
    model, _ = build("convnet")
    model.train()
    model.net.stem.eval()
    before = [module.training for module in model.modules()]
    model.split("stages.0")
    assert [module.training for module in model.modules()] == before


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (3, 8, 8), (2, 3, 8)])
def test_images_of_the_wrong_shape_are_refused_by_model_and_g(shape):
    model, _ = build("convnet")
    for function in (model, model.split("stages.1")[0]):
        with pytest.raises(SparksError, match=r"\(N, 3, H, W\)"):
            function(torch.rand(shape))


def test_parts_move_between_dtypes():
    model, x = build("convnet")
    expected = model(x)
    g, h = model.split("stages.0")
    assert h.double()(g.double()(x.double())).dtype == torch.float64
    torch.testing.assert_close(h(g(x.double())), expected.double(), rtol=1e-4, atol=1e-5)
