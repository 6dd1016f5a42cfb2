"""Settings of scale=paper that depend on the data set, against what the papers state."""

import pytest
import torch
from composed import composed

from sparks_thesis.pipeline.factories import classifier
from sparks_thesis.pipeline.selection import part


@pytest.fixture(scope="module")
def config():
    return composed("scale=paper")


def model(config, dataset, name):
    return part(config, ["model"], dataset=dataset, model=name)["model"]


@pytest.mark.parametrize(
    ("dataset", "weight", "margin", "batch", "epochs", "rate"),
    [
        ("fashion_mnist", 5, 0.5, 128, 200, 5e-4),
        ("celeba", 20, 1, 128, 200, 1e-2),
        ("cat_dog", 10, 18, 256, 200, 1e-2),
        ("imagenet", 500, 0.05, 512, 40, 5e-4),
    ],
)
def test_hkr_is_that_of_the_paper(config, dataset, weight, margin, batch, epochs, rate):
    made = model(config, dataset, "hkr_convnet")
    assert made["loss"]["alpha"] == pytest.approx(weight / (1 + weight), abs=5e-5)
    assert made["loss"]["margin"] == margin
    training = made["training"]
    assert (training["batch_size"], training["epochs"], training["lr"]) == (batch, epochs, rate)
    slower = {"lr": 1e-3} if rate == 1e-2 else {}  # plain layers without normalisation die at .01
    assert model(config, dataset, "hkr_convnet_unconstrained")["training"] == training | slower


def test_data_sets_without_a_recipe_have_the_default(config):
    digits, chimera = (model(config, name, "hkr_convnet") for name in ("digits", "chimera"))
    assert (digits["loss"], digits["training"]) == (chimera["loss"], chimera["training"])


@pytest.mark.parametrize("dataset", ["digits", "chimera", "fashion_mnist"])
@pytest.mark.parametrize("name", ["hkr_convnet", "hkr_convnet_unconstrained"])
def test_maps_of_activations_have_more_than_one_place(config, dataset, name):
    """A CAM of a layer with 1 x 1 feature maps is constant."""
    channels, size = part(config, ["dataset.channels", "dataset.size"], dataset=dataset).values()
    made = model(config, dataset, name)
    net = classifier(made["classifier"], seed=0).eval()
    g, _ = net.split(made["layer"])
    assert min(g(torch.zeros(1, channels, size, size)).shape[-2:]) > 1


@pytest.mark.parametrize("dataset", ["fashion_mnist", "celeba", "cat_dog", "cifar10"])
def test_their_networks_can_be_built(config, dataset):
    keys = ["dataset.channels", "dataset.size", "dataset.num_classes"]
    channels, size, classes = part(config, keys, dataset=dataset).values()
    net = classifier(
        model(config, dataset, "hkr_convnet_unconstrained")["classifier"], seed=0
    ).eval()
    assert net(torch.zeros(1, channels, size, size)).shape == (1, classes)


def test_rise_has_more_masks_on_imagenet(config):
    masks = {
        name: part(config, ["studies.stability.explain"], dataset=name, attribution="rise")
        for name in ("cifar10", "imagenet50")
    }
    assert {name: found["studies.stability.explain"]["masks"] for name, found in masks.items()} == {
        "cifar10": 1000,
        "imagenet50": 4000,
    }


def test_crops_of_craft_have_64_of_224_pixels(config):
    side = part(config, ["studies.craft.crops"])["studies.craft.crops"]["side"]
    assert round(side * 224) == 64


def test_every_image_of_a_set_that_is_read_is_taken(config):
    for name in ("imagenet", "imagenette", "celeba", "cifar10"):
        builder = part(config, ["dataset.builder"], dataset=name)["dataset.builder"]
        assert builder["n_train"] is None
        assert builder["n_test"] is None
