"""Class activation maps against loops over feature maps; tokens against the maps they form."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from sparks.attribution import (
    AblationCAM,
    GradCAM,
    GradCAMPlusPlus,
    LayerCAM,
    ScoreCAM,
    XGradCAM,
)
from sparks.errors import SparksError
from sparks.models import ViTTiny
from sparks.models.layout import grid_of

from .nets import images, random_net

EVERY = [GradCAM, GradCAMPlusPlus, XGradCAM, LayerCAM, ScoreCAM, AblationCAM]


def parts():
    """Return a net, images, classes, the feature maps of layer 4, and their gradients."""
    model, (x, target) = random_net(), images()
    maps = model[:5](x).detach().requires_grad_()
    score = model[5:](maps).gather(1, target[:, None])
    (grads,) = torch.autograd.grad(score.sum(), maps)
    return model, x, target, maps.detach(), grads, score.detach()[:, 0]


def upsampled(cam):
    return functional.interpolate(cam.relu()[:, None], (8, 8), mode="bilinear")[:, 0]


def test_xgradcam_is_gradcam_where_gradients_are_the_same_at_all_places():
    torch.manual_seed(0)
    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential(nn.Conv2d(2, 5, 3), nn.ReLU(), *pool, nn.Linear(5, 3))
    x, target = images()
    expected = GradCAM("1")(model, x, target)
    torch.testing.assert_close(XGradCAM("1")(model, x, target), expected)


def test_xgradcam_sums_to_the_first_order_change():
    """Conservation of Fu et al.: Σ_k w_k Σ A_k = Σ A · ∂ logit / ∂A."""
    _, _, _, maps, grads, _ = parts()
    weights = XGradCAM("4")._weights(maps, grads)
    sums = (weights * maps.sum((2, 3))).sum(1)
    torch.testing.assert_close(sums, (maps * grads).sum((1, 2, 3)))


def test_layercam_is_its_formula():
    model, x, target, maps, grads, _ = parts()
    cam = sum(grads[:, k].clamp(min=0) * maps[:, k] for k in range(8))
    torch.testing.assert_close(LayerCAM("4")(model, x, target), upsampled(cam))


def test_scorecam_is_its_algorithm():
    model, x, target, maps, _, _ = parts()
    cams = torch.zeros(3, 4, 4)
    for n in range(3):
        scores = torch.zeros(8)
        for k in range(8):
            mask = functional.interpolate(maps[n : n + 1, k : k + 1], (8, 8), mode="bilinear")
            if mask.max() > mask.min():
                mask = (mask - mask.min()) / (mask.max() - mask.min())
            else:
                mask = torch.zeros_like(mask)
            with torch.no_grad():
                scores[k] = model(x[n : n + 1] * mask)[0, target[n]]
        cams[n] = torch.einsum("k,khw->hw", scores.softmax(0), maps[n])
    torch.testing.assert_close(ScoreCAM("4")(model, x, target), upsampled(cams))


def test_ablationcam_is_its_formula_in_any_batches():
    model, x, target, maps, _, score = parts()
    cams = torch.zeros(3, 4, 4)
    for k in range(8):
        without = maps.clone()
        without[:, k] = 0
        with torch.no_grad():
            rest = model[5:](without).gather(1, target[:, None])[:, 0]
        cams += ((score - rest) / score.abs())[:, None, None] * maps[:, k]
    for size in (1, 3, 64):
        found = AblationCAM("4", batch_size=size)(model, x, target)
        torch.testing.assert_close(found, upsampled(cams))
    assert not any(m._forward_hooks for m in model.modules())


class Reshaped(nn.Module):
    """A transformer whose last tokens are also feature maps (N, C, h, w), at the layer `maps`."""

    def __init__(self, vit: ViTTiny) -> None:
        super().__init__()
        self.vit, self.maps = vit, nn.Identity()

    def forward(self, x):
        vit = self.vit
        tokens = vit.patches(x).flatten(2).transpose(1, 2) + vit.position
        maps = self.maps(vit.norm(vit.blocks(tokens)).mT.unflatten(2, (8, 8)))
        return vit.head(maps.flatten(2).mT.mean(1))


@pytest.mark.parametrize("method", EVERY)
def test_tokens_are_feature_maps(method):
    torch.manual_seed(0)
    vit = ViTTiny(in_channels=2, num_classes=3, image_size=16, dim=16, depth=1, heads=2).eval()
    vit.head.weight.data.abs_()
    x, target = images(size=16)
    reshaped = Reshaped(vit)
    reshaped.layout = "NCHW"
    expected = method("maps")(reshaped, x, target)
    assert float(expected.std()) > 0
    torch.testing.assert_close(method("norm")(vit, x, target), expected, atol=1e-4, rtol=1e-3)


class WithClassToken(nn.Module):
    """Tokens of patches behind two without a place, all of which the logits read."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.tokens = nn.Conv2d(2, 5, 4, 4), nn.Identity()
        self.head = nn.Linear(5, 3)
        self.extra = nn.Parameter(torch.full((1, 2, 5), 9.0))

    def forward(self, x):
        patches = self.patches(x).flatten(2).mT
        tokens = self.tokens(torch.cat([self.extra.expand(len(x), -1, -1), patches], 1))
        return self.head(tokens.mean(1))


@pytest.mark.parametrize("size", [(8, 8), (8, 16)])
def test_tokens_without_a_place_are_left_out(size):
    torch.manual_seed(0)
    model = WithClassToken().eval()
    x = torch.rand(2, 2, *size)
    target = torch.tensor([0, 2])
    maps = model.patches(x).detach()
    weights = model.head.weight[target] / (2 + maps[0, 0].numel())
    cam = torch.einsum("nk,nkhw->nhw", weights, maps).relu()
    expected = functional.interpolate(cam[:, None], size, mode="bilinear")[:, 0]
    torch.testing.assert_close(GradCAM("tokens")(model, x, target), expected.detach())


def test_tokens_of_known_networks_have_their_grids():
    assert grid_of(197, (224, 224)) == (14, 14)  # ViT-B/16: a class token
    assert grid_of(261, (224, 224)) == (16, 16)  # DINOv2 ViT-S/14: a class token, four registers
    assert grid_of(49, (224, 224)) == (7, 7)
    assert grid_of(8 * 12 + 1, (64, 96)) == (8, 12)
    with pytest.raises(SparksError, match="60 tokens form no grid"):
        grid_of(60, (224, 224))
