"""Every option of config/attribution and config/metric makes a method, or metrics, that run."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pretended_gpu import PretendedGPU

from .nets import images, random_net

CONFIG = Path(__file__).parents[2] / "config"


def load(group, name):
    """An option as a job gets it, at the smallest scale."""
    option = OmegaConf.load(CONFIG / group / f"{name}.yaml")
    around = {
        "scale": OmegaConf.load(CONFIG / "scale" / "smoke.yaml"),
        "engine": OmegaConf.load(CONFIG / "engine" / "default.yaml"),
        "model": {"layer": "4"},
        "seed": 0,
    }
    whole = OmegaConf.create({**around, "option": option})
    return OmegaConf.to_container(whole, resolve=True)["option"]


def names(group):
    return sorted(path.stem for path in (CONFIG / group).glob("*.yaml"))


@pytest.mark.parametrize("name", names("attribution"))
def test_methods(name):
    option = load("attribution", name)
    assert option["name"] == name
    x, target = images(2)
    maps = instantiate(option["method"])(random_net(), x, target)
    assert maps.shape == (2, 8, 8)
    assert maps.isfinite().all()


@pytest.mark.parametrize("name", names("attribution"))
def test_methods_on_a_gpu_give_the_same_maps(name):
    method = instantiate(load("attribution", name)["method"])
    x, target = images(2)
    with PretendedGPU() as gpu:
        there = method(random_net().to(gpu.device), x, target)
    assert there.device == x.device
    assert torch.equal(there, method(random_net(), x, target))


def scores(family, model):
    """Values of all metrics of a family, for maps at random."""
    x, target = images(2)
    maps = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
    call = {"model": model if family["needs_model"] else None, "x": x, "target": target}
    if family["needs_truth"]:
        call["truth"] = maps > 0.5
    if family["needs_method"]:
        call["method"] = instantiate(load("attribution", "saliency")["method"])
    found = {}
    for metric in family["metrics"].values():
        found |= instantiate(metric)(**call, maps=maps)
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
        there = scores(family, random_net().to(gpu.device))
    assert there.keys() == found.keys()
    assert all(torch.equal(there[metric], value) for metric, value in found.items())
