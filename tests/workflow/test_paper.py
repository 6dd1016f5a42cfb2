"""scale=paper from photographs to tables, on tiny trees of the real layout.

A test of the path: random weights stand where the published ones would.
"""

import pandas as pd
import pytest
from photographs import write_imagenet, write_voc

from sparks.data import ImageSet
from sparks.data.detection import VOC_CLASSES
from sparks.io import load_tensors

pytestmark = pytest.mark.nightly

RANDOM = [
    f"models.{name}.classifier.net.weights=null" for name in ("mobilenet_v2", "resnet50_tuned")
]
OVERRIDES = [
    "experiment=[sobol,pointing]",
    *RANDOM,
    "data_dir=photographs",
    "datasets.voc2007.download=false",
    "shared.models=[mobilenet_v2]",
    "experiments.sobol.metrics=[fidelity]",
    "training.epochs=1",
    "explain.n=3",
    "shared.sobol_points=2",
    "shared.subsets=8",
    "experiments.sobol.methods=[saliency,sobol]",
    *(
        f"experiments.sobol.studies.{s}=[]"
        for s in ("indices", "budget", "samplers", "walkthrough")
    ),
    "experiments.sobol.items=[tab-fidelity,tab-pointing]",
    "experiments.pointing.datasets=[voc2007]",
    "experiments.pointing.models=[resnet50_tuned]",
    "experiments.pointing.methods=[saliency,random]",
]


@pytest.fixture(scope="module")
def project(make_project):
    project = make_project("paper")
    root = project.folder / "photographs"
    (root / "imagenet").mkdir(parents=True)
    write_imagenet(root / "imagenet")
    # Every class somewhere near the middle, so that none is cropped away.
    every = [(name, (30 + 2 * i, 20, 50 + 2 * i, 60)) for i, name in enumerate(VOC_CLASSES)]
    write_voc(root, "trainval", {"000001": every})
    write_voc(root, "test", {"000002": every[:3], "000003": every})
    project.snakemake(
        "--cores", "2", "--config", "scale=paper", f"overrides=[{','.join(OVERRIDES)}]"
    )
    return project


def test_published_architectures_are_explained_on_imagenet(project):
    table = pd.read_csv(project.folder / "results/tables/tab-fidelity.csv", comment="#")
    assert set(table["model"]) == {"mobilenet_v2"}
    assert {"Saliency", "Sobol"} <= set(table["method"])
    maps = load_tensors(
        project.folder / "results/attributions/imagenet/mobilenet_v2/0/sobol.safetensors"
    )
    assert maps["maps"].shape == (3, 224, 224)


def test_every_class_in_a_photograph_is_pointed_at(project):
    images = ImageSet.load(project.folder / "results/explained/voc2007.safetensors")
    maps = load_tensors(
        project.folder / "results/attributions/voc2007/resnet50_tuned/0/random.safetensors"
    )
    assert maps["target"].equal(images.labels)
    table = pd.read_csv(project.folder / "results/tables/tab-pointing.csv", comment="#").set_index(
        "method"
    )
    truth = images.diagnostic()
    assert truth is not None
    assert table.loc["Random", "chance"] == pytest.approx(float(truth.float().mean()))
    assert (table["n"] == 3).all()
