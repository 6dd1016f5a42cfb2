"""A method or a model of the user's joins by one YAML file, as the README says."""

import pytest

from sparks.io import load_tensors

METHOD = """
name: mine
label: DeepLIFT
family: gradient
needs: any
method:
  _target_: sparks.attribution.Captum
  method: captum.attr.DeepLift
"""

OWN_METHOD = """
name: own
label: Brightness
family: control
needs: any
method:
  _target_: my_package.methods.Brightness
  gain: 2.0
"""

OWN_METHOD_CODE = """
from dataclasses import dataclass

@dataclass
class Brightness:
    gain: float = 1.0

    def __call__(self, model, x, target):
        return self.gain * x.mean(1)
"""

MODEL = """
name: linear
kind: dense
layer: null
concept_layer: null
head: null
classifier:
  _target_: sparks.models.Classifier
  channels: ${dataset.channels}
  mean: null
  std: null
  net:
    _target_: my_package.nets.Linear
    pixels: 64
    num_classes: ${dataset.num_classes}
weights: null
training: {lr: 0.01}
"""

MODEL_CODE = """
from torch import nn

class Linear(nn.Sequential):
    def __init__(self, pixels, num_classes):
        super().__init__(nn.Flatten(), nn.Linear(pixels, num_classes))
"""


@pytest.fixture(scope="module")
def project(make_project):
    project = make_project("own")
    for name, text in {
        "config/attribution/mine.yaml": METHOD,
        "config/attribution/own.yaml": OWN_METHOD,
        "config/model/linear.yaml": MODEL,
        "my_package/methods.py": OWN_METHOD_CODE,
        "my_package/nets.py": MODEL_CODE,
    }.items():
        (project.folder / name).parent.mkdir(exist_ok=True)
        (project.folder / name).write_text(text)
    return project


OWN = (
    "overrides=[experiment=sobol,shared.datasets=[digits],shared.models=[linear],"
    "experiments.sobol.methods=[mine,own],explain.n=4,"
    "experiments.sobol.items=[tab-fidelity]]"
)


def test_own_model_and_methods_run_through_the_whole_workflow(project):
    project.snakemake("--cores", "2", "--config", "scale=smoke", OWN)
    table = (project.folder / "results/tables/tab-fidelity.md").read_text()
    assert all(name in table for name in ("linear", "DeepLIFT", "Brightness"))
    maps = project.folder / "results/attributions/digits/linear/0/own.safetensors"
    images = load_tensors(project.folder / "results/explained/digits.safetensors")["images"]
    expected = 2 * images.float().mean(1) / 255
    assert load_tensors(maps)["maps"].allclose(expected)


def test_an_edit_of_own_code_reruns_it(project):
    project.edit("my_package/methods.py", "self.gain *", "1.5 * self.gain *")
    planned = project.planned("--config", "scale=smoke", OWN)
    assert planned["attribute"] == 1
    assert "train" not in planned
