"""Shapes, normalisation and refusals of the networks, seeds and devices."""

import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.models import MLP, Classifier, ConvNet, ViTTiny, resolve_device, seeded
from sparks.models.device import resolve_precision


@pytest.mark.parametrize(("size", "last"), [(8, 4), (28, 7), (32, 8), (64, 8), (224, 7)])
@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8), (4, 4, 6, 8)])
def test_last_feature_maps_are_small_and_non_negative(size, last, widths):
    net = ConvNet(3, 10, size, widths)
    features = net.stages(net.stem(torch.rand(2, 3, size, size)))
    assert features.shape == (2, widths[-1], last, last)
    assert features.min() >= 0


@pytest.mark.parametrize("size", [8, 28, 64])
def test_vit_has_tokens_for_its_image_size(size):
    net = ViTTiny(1, 7, size, dim=16, depth=1, heads=2)
    assert net(torch.rand(3, 1, size, size)).shape == (3, 7)


def test_attention_is_that_of_torch():
    from sparks.models.vit import Attention

    with seeded(0):
        ours = Attention(12, 3)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.in_proj_weight.data = ours.query_key_value.weight.data
    theirs.in_proj_bias.data = ours.query_key_value.bias.data
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.out.weight.data, ours.out.bias
    x = torch.rand(2, 5, 12)
    torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0])


def test_normalisation_is_per_channel():
    model = Classifier(nn.Flatten(), 2, [0.25, 0.5], [0.5, 0.25])
    x = torch.tensor([[[[0.5]], [[1.0]]]])
    assert model(x).tolist() == [[0.5, 2.0]]


def test_without_mean_and_std_images_stay_as_they_are():
    x = torch.rand(2, 3, 4, 4)
    assert torch.equal(Classifier(nn.Flatten(), 3)(x), x.flatten(1))


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Classifier(nn.Flatten(), 3, [0.5], [0.5]),
        lambda: Classifier(nn.Flatten(), 1, [0.5], [0.0]),
        lambda: ConvNet(3, 10, 64, (8, 8), (1,)),
        lambda: ConvNet(3, 10, 4),
        lambda: ViTTiny(3, 10, 64, dim=10, heads=4),
        lambda: ViTTiny(3, 10, 8, patch_size=16),
    ],
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(SparksError):
        bad()


def test_seeded_weights_depend_on_the_seed_alone():
    def weights(seed):
        with seeded(seed):
            return MLP(1, 10, 8, (4,)).state_dict()

    torch.manual_seed(0)
    first = weights(3)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    second, other = weights(3), weights(4)
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])
    assert torch.equal(torch.get_rng_state(), state)


def test_devices_that_are_not_there_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert resolve_device("auto") == resolve_device("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:1"):
        with pytest.raises(SparksError, match=f"'{name}' was asked for, but PyTorch sees 0 GPUs"):
            resolve_device(name)
    for name in ("gpu", "cuda:x", "meta"):
        with pytest.raises(SparksError, match="unknown"):
            resolve_device(name)


def test_a_second_gpu_is_refused_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert resolve_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(SparksError, match="sees 1 GPU"):
        resolve_device("cuda:1")


def test_automatic_precision_follows_the_units_of_the_cpu(monkeypatch):
    cpu = torch.device("cpu")
    for units, expected in (({"avx512_bf16": True}, "bf16"), ({"avx2": True}, "fp32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda u=units: u, raising=False)
        assert resolve_precision("auto", cpu) == expected
    with pytest.raises(SparksError, match="'fp8' is unknown"):
        resolve_precision("fp8", cpu)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_integers_are_no_images(dtype):
    net = Classifier(MLP(3, 2, 4)).eval()
    with pytest.raises(SparksError, match=r"images in \[0, 1\], not torch\..*divide .* by 255"):
        net(torch.ones(1, 3, 4, 4, dtype=dtype))
    g, h = net.split("hidden")
    with pytest.raises(SparksError, match=r"images in \[0, 1\]"):
        h(g(torch.ones(1, 3, 4, 4, dtype=dtype)))
    with pytest.raises(SparksError, match="takes images of shape"):
        net(torch.ones(1, 1, 4, 4))
