"""Networks of many families, by name: rows of their heads, their layers, and who explains them.

Their weights are random. The default lane has those that are made in a moment.
"""

import pytest
import torch
from torch import nn

from sparks.attribution import GradCAM, GuidedBackprop, Occlusion, Saliency
from sparks.concepts.layer import Layer
from sparks.errors import SparksError
from sparks.models import Classifier, seeded, timm_classifier, torchvision_classifier
from sparks.models.anatomy import (
    check_head,
    describe,
    footprint,
    head_layers,
    is_affine_from,
    map_layers,
)
from sparks.models.heads import keep_classes, some_classes
from sparks.models.pretrained import PUBLISHED
from sparks.models.timm_nets import published_as
from sparks.models.weights import save_weights

timm = pytest.importorskip("timm", reason="the extra timm is not installed")
slow = pytest.mark.nightly

# Name: side, kind, layer with maps, layer of concepts, whether the logits are affine in it, head.
FAMILIES = {
    "timm/resnet10t": (64, "conv", "layer4", "layer4", True, "fc"),
    "timm/regnetx_002": (64, "conv", "final_conv", "final_conv", True, "head.fc"),
    "timm/repvgg_a0": (64, "conv", "final_conv", "final_conv", True, "head.fc"),
    "timm/dla34": (64, "conv", "level5", "level5", True, "fc"),  # its head is a convolution
    "timm/convnext_atto": (64, "smooth", "norm_pre", "norm_pre", False, "head.fc"),
    "timm/mobilenetv3_small_050": (64, "smooth", "blocks", "blocks", False, "classifier"),
    "timm/tf_efficientnet_b0": (64, "smooth", "bn2", "bn2", True, "classifier"),
    "timm/tf_efficientnet_lite0": (64, "conv", "bn2", "bn2", True, "classifier"),
    "timm/mobilevit_xxs": (64, "smooth", "final_conv", "final_conv", True, "head.fc"),
    "timm/swin_tiny_patch4_window7_224": (64, "smooth", "norm", "norm", True, "head.fc"),
    "timm/vit_tiny_patch16_224": (64, "transformer", None, None, None, "head"),
    "timm/deit_tiny_distilled_patch16_224": (64, "transformer", None, None, None, "both"),
    "timm/mixer_s32_224": (64, "transformer", None, "norm", True, "head"),
    "torchvision/squeezenet1_1": (64, "conv", "classifier.2", "classifier.2", True, None),
    "torchvision/shufflenet_v2_x0_5": (64, "conv", "conv5", "conv5", True, "fc"),
    "torchvision/mobilenet_v3_small": (64, "smooth", "features", "features", False, "classifier.3"),
    "torchvision/mnasnet0_5": (64, "conv", "layers", "layers", True, "classifier.1"),
    "torchvision/regnet_y_400mf": (64, "conv", "trunk_output", "trunk_output", True, "fc"),
}
LARGE = {
    "timm/densenet121": (64, "conv", "features", "features", True, "classifier"),
    "timm/vgg11": (224, "conv", "features", "features", False, "head.fc"),
    "timm/inception_v3": (299, "conv", "Mixed_7c", "Mixed_7c", True, "fc"),
    "timm/levit_128s": (224, "transformer", None, None, None, "both"),
    "torchvision/densenet121": (64, "conv", "features", "features", False, "classifier"),
    "torchvision/googlenet": (64, "conv", "inception5b", "inception5b", True, "fc"),
    "torchvision/vgg11": (64, "conv", "features", "features", False, "classifier.6"),
    "torchvision/vit_b_16": (224, "transformer", None, None, None, "heads.head"),
    "torchvision/swin_t": (64, "smooth", "permute", "permute", True, "head"),
    "torchvision/convnext_tiny": (64, "smooth", "features", "features", False, "classifier.2"),
    "torchvision/efficientnet_b0": (64, "smooth", "features", "features", True, "classifier.1"),
}
EVERY = [*FAMILIES, *(pytest.param(name, marks=slow) for name in LARGE)]
BOTH = ["head", "head_dist"]


def made(name):
    """The network with 1,000 classes, an image, and the names of its heads."""
    library, _, known_as = name.partition("/")
    side = (FAMILIES | LARGE)[name][0]
    with seeded(0):
        heads = []
        if library == "timm":
            net = timm_classifier(known_as, PUBLISHED, size=side)
            names = published_as(known_as).classifier
            heads = [names] if isinstance(names, str) else list(names)
        else:
            net = torchvision_classifier(known_as, PUBLISHED)
        x = torch.rand(2, 3, side, side)
    with torch.no_grad():  # else all logits of some networks are zero, or alike
        for layer in net.modules():
            if isinstance(layer, nn.Linear) and layer.out_features == PUBLISHED:
                layer.weight.normal_(0, 0.05)
                layer.bias.normal_()
    return Classifier(net, 3).eval(), x, heads


@pytest.mark.parametrize("name", EVERY)
def test_a_family(name):
    """Its file says what is so; rows of its head are its logits; methods of its kind explain it."""
    _, kind, layer, concepts, affine, head = (FAMILIES | LARGE)[name]
    model, x, heads = made(name)
    found = describe(model, x[:1], heads)
    expected = tuple(heads) if head == "both" else (head,) if head else ()
    assert found[:2] == (kind, layer)
    assert (found.concept_layer, found.head) == (concepts, expected)
    assert found.layout == ("NHWC" if "timm/swin" in name else None)
    model.layout = found.layout
    if concepts:
        assert is_affine_from(model, concepts) == affine
        assert Layer(model, concepts, x[:1]).map_size
    target = torch.tensor([3, 701])
    able = [Saliency(), Occlusion(grid=2)]
    able += [GradCAM(layer)] if layer else []
    able += [GuidedBackprop()] if kind in ("conv", "dense") else []
    for method in able:
        maps = method(model, x, target)
        assert maps.shape == (2, *x.shape[2:])
        assert maps.isfinite().all()
    if kind in ("smooth", "transformer"):
        with pytest.raises(SparksError, match=r"rule for ReLU|has none"):
            GuidedBackprop().check(model, x[:1])
    rows = [701, 0, 999]
    with torch.no_grad():
        logits = model(x)
        assert float(logits.std()) > 1e-3
        keep_classes(model.net, found.head or ["classifier.1"], rows, 3)
        torch.testing.assert_close(model(x), logits[:, rows], rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def resnet():
    return made("timm/resnet10t")[:2]


def test_wrong_layers_are_refused_with_those_that_will_do(resnet):
    model, x = resnet
    assert map_layers(model, x)[-1] == "layer4"
    assert head_layers(model, x) == ["fc"]
    for layer, expected in (
        ("layer9", "does not exist: did you mean 'layer4'"),
        ("fc", "gives no feature maps"),
        ("global_pool", "gives no feature maps"),
    ):
        with pytest.raises(SparksError, match=expected) as caught:
            GradCAM(layer).check(model, x)
        assert str(caught.value).endswith("layer1, layer2, layer3, layer4")
    check_head(model, "fc", x)
    for head, expected in (
        ("fc9", "there is no layer 'fc9': use fc"),
        ("layer4", "no affine layer with a row for each class .*: use fc"),
        ("layer4.0.conv1", "no affine layer"),
        (["fc", "layer4"], "no affine layer .*: use fc"),
    ):
        with pytest.raises(SparksError, match=expected):
            check_head(model, head, x)


def test_a_head_that_something_follows_gives_no_logits():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Tanh())
    model, x = Classifier(net, 3).eval(), torch.rand(1, 3, 2, 2)
    expected = "logits are something else than its outputs: no layer will do, use null"
    with pytest.raises(SparksError, match=expected):
        check_head(model, "1", x)


def test_what_an_image_takes_is_known_without_a_pass():
    """The largest layer: 3 channels in and 8 out, 4 bytes each."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = Classifier(net, 3)
    side = 10**6
    assert footprint(model, (1, 3, side, side)) == (3 + 8) * 4 * side**2


def test_networks_whose_code_looks_at_values_have_no_footprint():
    class Looks(nn.Module):
        def forward(self, x):
            return x if bool(x.sum() > 0) else -x

    assert footprint(nn.Sequential(Looks()), (1, 3, 2, 2)) is None


# --- networks of the user's own -------------------------------------------------------------------


def own():
    with seeded(1):
        return nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 20))


def test_some_classes_of_ones_own_network(tmp_path):
    whole, x = own(), torch.rand(4, 3, 2, 2)
    save_weights(whole, tmp_path / "checkpoint.safetensors")
    with seeded(2):
        other = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 20))
    some = some_classes(other, "3", 2, [19, 4], str(tmp_path / "checkpoint.safetensors"))
    torch.testing.assert_close(some(x), whole(x)[:, [19, 4]])
    assert some_classes(own(), "3", 20)(x).shape == (4, 20)


@pytest.mark.parametrize(
    ("head", "classes", "expected"),
    [
        ("3", [1], "1 different classes of the network for 2 logits"),
        ("3", [1, 1], "1 different classes"),
        ("3", [1, 20], "classes has 20: the network's own are 0 … 19"),
        ("2", [1, 2], "the head '2' is a ReLU, which has no row for each class"),
        ("fc", [1, 2], "has no layer 'fc': its last ones are 1, 3"),
    ],
)
def test_classes_and_heads_that_do_not_fit_are_refused(head, classes, expected):
    with pytest.raises(SparksError, match=expected):
        some_classes(own(), head, 2, classes)
