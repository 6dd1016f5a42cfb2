"""Photographs that come with other packages."""

import pytest
import torch

from sparks.data import Photographs
from sparks.data import photographs as module
from sparks.errors import SparksError


def test_seven_photographs_of_seven_classes():
    splits = Photographs(64)()
    images = splits["test"]
    assert splits["train"] is images
    assert images.labels.tolist() == list(range(7)) == list(range(Photographs.num_classes))
    x = images.batch(range(7))
    assert x.shape == (7, Photographs.channels, 64, 64)
    assert float(x.std()) > 0.1
    assert images.classes[images.tables["imagenet_labels"].index(967)] == "espresso"
    assert len(images.tables["credits"]) == 7


def test_their_labels_are_imagenets():
    """Torchvision lists ImageNet's classes in the order of its numbers."""
    from torchvision.models import ResNet18_Weights

    names = ResNet18_Weights.DEFAULT.meta["categories"]
    for photograph in module.PHOTOGRAPHS:
        assert names[photograph.label] == photograph.shows


def test_no_path_of_this_machine_is_in_the_artifact(tmp_path):
    path = tmp_path / "photographs.safetensors"
    Photographs(32)()["test"].save(path)
    folder = module._folder("sklearn").encode()
    assert folder not in path.read_bytes()
    assert torch.equal(
        type(Photographs(32)()["test"]).load(path).images, Photographs(32)()["test"].images
    )


def test_a_photograph_that_is_not_installed_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_folder", lambda package: str(tmp_path))
    with pytest.raises(SparksError, match=r"chelsea\.png is not installed"):
        Photographs()()
