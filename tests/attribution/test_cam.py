"""GradCAM against Captum, GradCAM++ against a direct loop."""

import captum.attr
import pytest
import torch
from torch import nn
from torch.nn import functional

from sparks.attribution import GradCAM, GradCAMPlusPlus
from sparks.errors import SparksError

from .nets import images, random_net, vectors


def test_gradcam_is_captums():
    model, (x, target) = random_net(), images()
    for layer in ("3", "4"):
        expected = captum.attr.LayerGradCam(model, model[int(layer)]).attribute(
            x, target=target, relu_attributions=True
        )
        expected = functional.interpolate(expected.detach(), (8, 8), mode="bilinear")[:, 0]
        torch.testing.assert_close(GradCAM(layer)(model, x, target), expected)


def test_gradcam_plus_plus_is_its_formula():
    model, (x, target) = random_net(), images()
    activation = model[:5](x).detach().requires_grad_()
    score = model[5:](activation).gather(1, target[:, None]).sum()
    (grads,) = torch.autograd.grad(score, activation)
    expected = torch.zeros(3, 4, 4)
    for n in range(3):
        for k in range(8):
            a, g = activation[n, k].detach(), grads[n, k]
            scale = 2 * g**2 + g**3 * a.sum()
            alpha = g**2 / scale.where(scale != 0, torch.ones(()))
            expected[n] += (alpha * g.relu()).sum() * a
    expected = functional.interpolate(expected.relu()[:, None], (8, 8), mode="bilinear")[:, 0]
    torch.testing.assert_close(GradCAMPlusPlus("4")(model, x, target), expected)


def test_maps_are_raw():
    """Twice the logit gives twice the map: nothing is scaled to [0, 1]."""
    model, (x, target) = random_net(), images()
    maps = GradCAM("3")(model, x, target)
    with torch.no_grad():
        model[7].weight.mul_(2)
    torch.testing.assert_close(GradCAM("3")(model, x, target), 2 * maps)


def test_layers_before_in_place_ones_and_within_wrappers_are_found():
    (x, target), plain, in_place = images(), random_net(), random_net(in_place=True)
    expected = GradCAM("3")(plain, x, target)
    torch.testing.assert_close(GradCAM("3")(in_place, x, target), expected)

    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = plain

        def forward(self, z):
            return self.net(z)

    torch.testing.assert_close(GradCAM("3")(Wrapper(), x, target), expected)


def test_batches_do_not_matter_and_no_hook_is_left():
    model, (x, target) = random_net(), images(5)
    maps = GradCAM("3")(model, x, target)
    torch.testing.assert_close(GradCAM("3", batch_size=2)(model, x, target), maps)
    with pytest.raises(RuntimeError):
        GradCAM("3")(model, x[:, :1], target)
    assert not any(m._forward_hooks for m in model.modules())


def test_bad_layers_are_refused():
    model, (x, target) = random_net(), images()
    with pytest.raises(SparksError, match="layer 'conv9' does not exist"):
        GradCAM("conv9")(model, x, target)
    with pytest.raises(SparksError, match="layer '7' gives no feature maps"):
        GradCAM("7")(model, x, target)
    with pytest.raises(SparksError, match="explains images"):
        GradCAM("7")(model, *vectors())
    x[2, 1] = torch.nan
    with pytest.raises(SparksError, match="input 2 holds NaN"):
        GradCAM("3")(model, x, target)


def test_feature_maps_of_one_place_are_refused():
    model = nn.Sequential(nn.Conv2d(2, 4, 8), nn.Flatten(), nn.Linear(4, 5))
    with pytest.raises(SparksError, match=r"'0' have 1 x 1 places.*earlier layer"):
        GradCAM("0")(model, *images())
