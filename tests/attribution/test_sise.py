"""SISE against the four steps of its paper, written as loops; which layers it takes by itself."""

import pytest
import torch
from skimage.filters import threshold_otsu
from torch import nn
from torch.nn import functional

from sparks.attribution import SISE
from sparks.engine import Engine
from sparks.errors import SparksError
from sparks.models import Classifier, ConvNet, seeded
from sparks.models.anatomy import last_of_each_size

from .nets import images, random_net


def unit(image):
    width = image.max() - image.min()
    return (image - image.min()) / width if width > 0 else torch.zeros_like(image)


def by_hand(model, x, target, layers, least=0.0):
    """The map of one image (1, C, H, W); each mask is made, applied and scored alone."""
    fused = None
    for layer in layers:
        maps = model[: layer + 1](x).detach().requires_grad_()
        probability = model[layer + 1 :](maps).softmax(1)[0, target]
        (grads,) = torch.autograd.grad(probability, maps)
        means = grads.mean((2, 3))[0].tolist()
        block = torch.zeros(x.shape[2:])
        for k, slope in enumerate(means):
            if slope <= max(0.0, least * max(means)):
                continue
            mask = functional.interpolate(maps[:, k : k + 1], x.shape[2:], mode="bilinear")
            mask = unit(mask.detach()[0, 0])
            if mask.sum() > 0:
                with torch.no_grad():
                    block += model(x * mask).softmax(1)[0, target] * mask / mask.sum()
        block = unit(block)
        if fused is None:
            fused = block
        else:
            above = block > threshold_otsu(block.numpy()) if block.max() > 0 else block > 0
            fused = (fused + block) * above
    return fused


@pytest.mark.parametrize("least", [0.0, 0.5])
def test_sise_is_its_four_steps(least):
    model, (x, target) = random_net(), images()
    expected = [by_hand(model, x[i : i + 1], int(target[i]), (1, 4), least) for i in range(len(x))]
    assert all(one.max() > 0 for one in expected)
    for batch in (1, 64):  # neither the batches of images nor those of masks matter
        method = SISE(layers=("1", "4"), least=least, batch_size=batch, engine=Engine(batch_size=5))
        torch.testing.assert_close(method(model, x, target), torch.stack(expected))


def test_without_names_it_takes_the_last_layer_of_each_resolution():
    net = ConvNet(3, 10, 64, widths=(4, 8))
    model, x = Classifier(net, channels=3).eval(), torch.rand(1, 3, 64, 64)
    ends = last_of_each_size(model, x)
    assert ends == ["stem.2", "stages.0", "stages"]  # 32, 16 and 8 places a side
    target = torch.tensor([3])
    named = SISE(layers=ends)(model, x, target)
    torch.testing.assert_close(SISE()(model, x, target), named)


def test_logits_serve_as_scores_of_a_model_of_one_output():
    """A single score has no probability: both outputs are that score."""
    with seeded(0):
        pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
        model = nn.Sequential(nn.Conv2d(2, 5, 3), nn.ReLU(), *pool, nn.Linear(5, 1)).eval()
    x, _ = images()
    maps = [
        SISE(layers=("1",), output=output)(model, x, None) for output in ("probability", "logit")
    ]
    torch.testing.assert_close(*maps)


def test_nothing_is_marked_where_no_feature_map_raises_the_score():
    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), *pool, nn.Linear(4, 3)).eval()
    with torch.no_grad():
        model[4].weight.copy_(-torch.ones(3, 4))
    x, target = images()
    maps = SISE(layers=("1",), output="logit")(model, x, target)
    assert torch.equal(maps, torch.zeros_like(maps))


def test_models_without_feature_maps_are_refused_before_they_are_explained():
    x, target = images()
    dense = nn.Sequential(nn.Flatten(), nn.Linear(128, 3))
    for call in (lambda: SISE()(dense, x, target), lambda: SISE().check(dense, x)):
        with pytest.raises(SparksError, match="no layer with feature maps"):
            call()
    with pytest.raises(SparksError, match="layer 'nowhere' does not exist"):
        SISE(layers=("nowhere",)).check(random_net(), x)
