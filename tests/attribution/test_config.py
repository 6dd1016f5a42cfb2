"""Every option of config/attribution and config/metric makes a method, or metrics, that run."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

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


@pytest.mark.parametrize("name", names("metric"))
def test_metrics(name):
    family = load("metric", name)
    assert family["name"] == name
    x, target = images(2)
    maps = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
    call = {"model": random_net() if family["needs_model"] else None, "x": x, "target": target}
    if family["needs_truth"]:
        call["truth"] = maps > 0.5
    if family["needs_method"]:
        call["method"] = instantiate(load("attribution", "saliency")["method"])
    for metric in family["metrics"].values():
        for value in instantiate(metric)(**call, maps=maps).values():
            assert value.shape == (2,)
            assert value.isfinite().all()
