"""Every option of config/attribution and config/metric makes a method, or metrics, that run."""

import pytest
import torch
from attribution.nets import images, random_net
from composed import composed
from hydra.utils import instantiate
from pretended_gpu import PretendedGPU

from sparks.metrics import Explanation
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.pipeline.selection import part


def load(group, name):
    """An option as a job gets it, at the smallest scale."""
    layer = ("models.convnet.layer='4'", "models.convnet.concept_layer='4'")
    return part(composed("scale=smoke", *layer), [group], model="convnet", **{group: name})[group]


def method_of(option):
    """Build the method; searches by attacks are cut short, or they would take most of the time."""
    fewer = {name: 2 for name in ("rounds", "bisections") if name in option["method"]}
    return instantiate(option["method"] | fewer)


def names(group):
    """Every option but `concepts`, whose maps depend on all images explained: tests/concepts."""
    found = sorted(path.stem for path in (CONFIG / group).glob("*.yaml"))
    return [name for name in found if name != "concepts"]


@pytest.mark.parametrize("name", names("attribution"))
def test_methods(name):
    option = load("attribution", name)
    assert option["name"] == name
    x, target = images(2)
    maps = method_of(option)(random_net(), x, target)
    assert maps.shape == (2, 8, 8)
    assert maps.isfinite().all()


# Captum's rules of LRP set `Tensor.data`, which the pretended device does not follow: tests/gpu
# runs them on a real one.
@pytest.mark.parametrize("name", [name for name in names("attribution") if name != "lrp"])
def test_methods_on_a_gpu_give_the_same_maps(name):
    method = method_of(load("attribution", name))
    x, target = images(2)
    expected = method(random_net(), x, target)
    with PretendedGPU() as gpu:
        net = random_net().to(gpu.device)
        maps = method(net, x, target)
        assert maps.device == x.device
        assert torch.equal(maps, expected)
        maps = method(net, x.to(gpu.device), target.to(gpu.device))
        assert maps.device == gpu.device
        assert torch.equal(maps.cpu(), expected)


def scores(family, model, device="cpu"):
    """Values of all metrics of a family, for maps at random, all on a device."""
    x, target = (t.to(device) for t in images(2))
    maps = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0)).to(device)
    call = {"model": model if family["needs_model"] else None, "x": x, "target": target}
    if family["needs_truth"]:
        call["truth"] = maps > 0.5
    if family["needs_method"]:
        call["method"] = method_of(load("attribution", "saliency"))
    found = {}
    for metric in family["metrics"].values():
        found |= instantiate(metric)(Explanation(**call, maps=maps))
    return found


@pytest.mark.parametrize("name", names("metric"))
def test_metrics(name):
    family = load("metric", name)
    assert family["name"] == name
    found = scores(family, random_net())
    for value in found.values():
        assert value.shape == (2,)
        assert value.isfinite().all()
    with PretendedGPU() as gpu:
        for device in ("cpu", gpu.device):
            there = scores(family, random_net().to(gpu.device), device)
            assert there.keys() == found.keys()
            assert all(torch.equal(there[metric], value) for metric, value in found.items())
