"""The file of a network by name: what it says, and that it passes the checks at the start."""

import pytest
import yaml
from omegaconf import OmegaConf

from sparks.errors import SparksError
from sparks_thesis.common.add_model import add
from sparks_thesis.pipeline.checks import _models
from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.pipeline.trial import try_units
from sparks_thesis.pipeline.validate import validate_names

pytest.importorskip("timm", reason="the extra timm is not installed")


@pytest.fixture
def config(tmp_path):
    """A folder of options of its own, the others being those of the project."""
    folder = tmp_path / "config"
    folder.mkdir()
    for entry in CONFIG.iterdir():
        if entry.name != "model":
            (folder / entry.name).symlink_to(entry)
    (folder / "model").mkdir()
    for file in (CONFIG / "model").iterdir():
        (folder / "model" / file.name).symlink_to(file)
    return folder


@pytest.mark.parametrize(
    ("name", "option", "size", "says"),
    [
        ("timm/resnet10t", "resnet10t", 176, {"kind": "conv", "layer": "layer4", "head": "fc"}),
        ("timm/vit_tiny_patch16_224", "vit_tiny_patch16_224", 224,
         {"kind": "transformer", "layer": None, "concept_layer": None, "head": "head"}),
        ("torchvision/shufflenet_v2_x0_5", "shufflenet_v2_x0_5", 224,
         {"kind": "conv", "layer": "conv5", "concept_layer": "conv5", "head": "fc"}),
    ],
)  # fmt: skip
def test_the_file_that_is_written_is_a_model(config, name, option, size, says):
    message = add(name, None, False, config)
    made = yaml.safe_load((config / "model" / f"{option}.yaml").read_text())
    assert made["name"] == option
    assert {key: made[key] for key in says} == says
    assert made["classifier"]["mean"] == [0.485, 0.456, 0.406] or "vit" in name
    assert f"{size} x {size}" in message
    overrides = ["scale=smoke", "experiment=sobol", "shared.datasets=[photographs]",
                 f"shared.models=[{option}]", f"datasets.photographs.size={size}"]  # fmt: skip
    composed = compose(overrides, config)
    validate_names(composed, OmegaConf.to_container(composed, resolve=True))
    try_units(list(_models(composed)))


def test_preprocessing_is_that_of_the_weights(config):
    add("timm/vit_tiny_patch16_224", None, False, config)
    made = yaml.safe_load((config / "model/vit_tiny_patch16_224.yaml").read_text())
    assert made["classifier"]["mean"] == made["classifier"]["std"] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet18", "neither timm/NAME nor torchvision/NAME"),
        ("timm/resnet81", "did you mean"),
        ("torchvision/resnet19", "did you mean"),
        ("timm/eva02_tiny_patch14_224", "no published weights with classes"),
        ("torchvision/resnet18", "resnet18.yaml exists: choose another name by --option"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_is_written(config, name, message):
    before = sorted((config / "model").iterdir())
    with pytest.raises(SparksError, match=message) as caught:
        add(name, None, False, config)
    assert "\n" not in str(caught.value)
    assert sorted((config / "model").iterdir()) == before
