"""Every file of config/dataset makes a builder, explains its keys and tells the truth."""

from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

import sparks.data
from sparks.data import Chimera, Folder, MarkedImages, Nips2017

FILES = sorted(Path(__file__).parents[2].glob("config/dataset/*.yaml"))


def compose(path: Path, **override: Any) -> Any:
    whole = {
        "dataset": OmegaConf.load(path),
        "datasets": {"chimera": OmegaConf.load(path.with_stem("chimera"))},
        "shared": {"n_train": 20, "n_test": 10, "train_limit": 20, "test_limit": 10},
        "seed": 3,
        "data_dir": "data",
    }
    return OmegaConf.merge(OmegaConf.create(whole), override).dataset


def test_all_sets_are_there() -> None:
    assert {path.stem for path in FILES} == {
        "block_digits",
        "cat_dog",
        "celeba",
        "chimera",
        "chimera_biased",
        "chimera_foxes",
        "chimera_hard",
        "chimera_husky",
        "chimera_leaves",
        "cifar10",
        "cifar10_jpeg",
        "clickme",
        "coco2014",
        "digits",
        "eurosat",
        "fashion_mnist",
        "folder",
        "imagenet",
        "imagenet50",
        "imagenette",
        "imagenette_tagged",
        "marked",
        "mnist",
        "nips2017",
        "osie",
        "photographs",
        "voc2007",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_builder_gets_every_setting(path: Path) -> None:
    config = compose(path)
    assert config.name == path.stem
    builder = instantiate(config.builder)
    assert type(builder) is getattr(sparks.data, config.builder._target_.split(".")[-1])
    for key, value in OmegaConf.to_container(config.builder, resolve=True).items():
        if key not in ("_target_", "annotators", "photographs"):
            assert getattr(builder, key) == value
    brought = isinstance(builder, Folder | MarkedImages | Nips2017)  # by the user alone
    assert hasattr(builder, "download") == ("root" in config.builder and not brought)
    assert hasattr(builder, "download") or not config.get("download", False)


NAMES = ["digits", "photographs", "chimera", "chimera_biased", "chimera_hard"]


@pytest.mark.parametrize("name", NAMES)
def test_the_config_tells_the_shape_of_the_images(name: str) -> None:
    config = compose(next(path for path in FILES if path.stem == name))
    builder = instantiate(config.builder)
    splits = builder()
    assert ("test_biased" in splits) == (isinstance(builder, Chimera) and builder.bias > 0)
    for images in splits.values():
        assert images.images is not None
        assert tuple(images.images.shape[1:]) == (config.channels, config.size, config.size)
        assert len(images.classes) == config.num_classes


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_key_is_explained(path: Path) -> None:
    first, *lines = path.read_text().splitlines()
    assert first.startswith("# ")
    named = ("_target_", "size: ${dataset", "num_classes: ${dataset")  # explained where defined
    for line in lines:
        if not line.strip().startswith(("#", *named)):
            assert " # " in line, f"{path.name}: {line.strip()} is not explained"
