"""Which axis of feature maps is channels: said by the model, or plain, or asked for."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from sparks.attribution import Captum, GradCAM, GradCAMPlusPlus
from sparks.concepts.layer import Layer
from sparks.errors import SparksError
from sparks.models import Classifier, ConvNet
from sparks.models.layout import layout_of


def swin(layout):
    torch.manual_seed(0)
    net = torchvision.models.swin_t(num_classes=3)
    return Classifier(net, 3, layout=layout).eval()


@pytest.fixture(scope="module")
def images():
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    return x, torch.tensor([0, 1])


def test_channels_last_are_refused_until_the_model_says_so(images):
    x, target = images
    silent, wrong = (
        swin(None),
        "do not tell which axis is channels: say layout: NCHW or layout: NHWC",
    )
    for ask in (
        lambda: GradCAM("features.7")(silent, x, target),
        lambda: GradCAM("features.7").check(silent, x),
        lambda: Layer(silent, "features.7", x[:1]),
        lambda: Captum("captum.attr.LayerActivation", layer="features.7")(silent, x, target),
    ):
        with pytest.raises(SparksError, match=wrong):
            ask()


def test_gradcam_of_channels_last_is_its_formula(images):
    x, target = images
    model, kept = swin("NHWC"), []
    handle = model.net.features[7].register_forward_hook(lambda m, i, o: kept.append(o))
    logits = model(x)
    handle.remove()
    (g,) = torch.autograd.grad(logits.gather(1, target[:, None]).sum(), kept[0])
    cam = torch.einsum("nk,nhwk->nhw", g.mean((1, 2)), kept[0].detach()).relu()[:, None]
    expected = functional.interpolate(cam, (64, 64), mode="bilinear")[:, 0]
    torch.testing.assert_close(GradCAM("features.7")(model, x, target), expected)
    assert GradCAMPlusPlus("features.7")(model, x, target).shape == (2, 64, 64)


def test_layers_of_concepts_know_their_channels(images):
    x, _ = images
    layer = Layer(swin("NHWC"), "features.7", x[:1])
    assert (layer.channels, layer.places, layer.map_size) == (768, 4, (2, 2))
    a = layer.activations(x)
    assert a.shape == (2, 4, 768)
    torch.testing.assert_close(layer.raw(a), layer.g(x).detach())
    torch.testing.assert_close(layer.logits(a), swin("NHWC")(x).detach())


@pytest.mark.parametrize("shape", [(768, 2, 2), (64, 8, 8), (3, 8, 8), (1, 7, 7)])
def test_plain_channels_first_need_no_word(shape):
    assert layout_of(None, None, "x", shape, (64, 64)) == "NCHW"


def test_a_height_and_width_like_the_image_decide():
    assert layout_of(None, None, "x", (32, 7, 28), (56, 224)) == "NCHW"
    assert layout_of(None, None, "x", (32, 5, 26), (56, 224)) == "NCHW"  # without padding
    for shape in ((7, 28, 32), (8, 8, 8), (3, 9, 100)):
        with pytest.raises(SparksError, match="do not tell"):
            layout_of(None, None, "x", shape, (56, 224) if 28 in shape else (64, 64))


def test_what_is_channels_first_by_definition_needs_no_word():
    """Eight channels at 8 x 8 places look the same from either side."""
    for module in (
        nn.Conv2d(3, 8, 1),
        nn.BatchNorm2d(8),
        nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU()),
    ):
        assert layout_of(None, module, "x", (8, 8, 8), (8, 8)) == "NCHW"
    for module in (nn.ReLU(), nn.Sequential(nn.ReLU()), nn.Linear(8, 8)):
        with pytest.raises(SparksError, match="do not tell"):
            layout_of(None, module, "x", (8, 8, 8), (8, 8))


def test_networks_of_our_own_say_so():
    assert Classifier(ConvNet(3, 4, 64), 3).layout == "NCHW"
    assert Classifier(ConvNet(3, 4, 64), 3, layout="NHWC").layout == "NHWC"  # the file decides
    with pytest.raises(SparksError, match="layout='last' is not one of NCHW, NHWC"):
        Classifier(ConvNet(3, 4, 64), 3, layout="last")
