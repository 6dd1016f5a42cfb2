"""Some of ImageNet's classes, explained by a network of all 1,000: from files to maps."""

import pytest
import torch
import torchvision
from photographs import write_jpeg

from sparks.data.imagenet import IMAGENETTE_IN_IMAGENET
from sparks.io import load_tensors
from sparks.models import seeded

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def project(make_project):
    """A checkout with tiny photographs of all ten classes, and a network of all 1,000."""
    project = make_project("imagenette")
    folder = project.folder / "photographs/imagenette2-320"
    for split in ("train", "val"):
        for label, wnid in enumerate(sorted(torchvision.datasets.Imagenette._WNID_TO_CLASS)):
            write_jpeg(folder / split / wnid / f"{wnid}_{split}.JPEG", grey=20 * label)
    with seeded(0):
        net = torchvision.models.resnet18()
    torch.save(net.state_dict(), project.folder / "own.pth")
    return project


def test_maps_are_those_of_the_rows(project):
    run = ["scale=smoke", "dataset=imagenette", "model=resnet18", "data_dir=photographs"]
    run += ["dataset.size=64", "model.classifier.net.weights=./own.pth"]
    for name, *more in (
        ("data",),
        ("select_images", "explain.n=10"),
        ("train",),
        ("attribute", "attribution=gradcam"),
    ):
        done = project.script(name, *run, *more)
        assert done.returncode == 0, done.stderr
    published = torch.load(project.folder / "own.pth", weights_only=True)
    where = project.folder / "results/models/imagenette/resnet18/0/weights.safetensors"
    picked = load_tensors(where)
    rows = list(IMAGENETTE_IN_IMAGENET)
    assert torch.equal(picked["net.fc.weight"], published["fc.weight"][rows])
    assert torch.equal(picked["net.fc.bias"], published["fc.bias"][rows])
    assert torch.equal(picked["net.conv1.weight"], published["conv1.weight"])
    made = project.folder / "results/attributions/imagenette/resnet18/0/gradcam.safetensors"
    maps = load_tensors(made)
    assert maps["maps"].shape == (10, 64, 64)
    assert int(maps["target"].max()) < 10


def test_classes_in_another_order_are_refused(project):
    other = "dataset.imagenet_classes=[217,0,482,491,497,566,569,571,574,701]"
    run = ["scale=smoke", "dataset=imagenette", "model=resnet18", "data_dir=photographs", "seed=1"]
    run += ["dataset.size=64", "model.classifier.net.weights=./own.pth", other]
    done = project.script("train", *run)
    assert done.returncode == 1
    assert "imagenet_classes" in done.stderr
    assert "Traceback" not in done.stderr
