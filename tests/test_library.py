"""The library with a network of one's own: `import sparks`, plain modules, short `repr`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import shufflenet_v2_x0_5

import sparks
from sparks.concepts import NMF, Craft, CraftMaps, Layer
from sparks.concepts.classes import Classified
from sparks.models import Classifier
from sparks.verification.attack import Attack

README = Path(__file__).resolve().parents[1] / "README.md"
IMAGES = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
TARGET = torch.arange(6) % 4
# Settings that make a method fast, and those that have no default.
SETTINGS = {"grid": 3, "points": 4, "masks": 8, "steps": 2, "subsets": 6, "neighbours": 2}
OWN = {
    "Captum": {"method": "captum.attr.IntegratedGradients", "options": {"n_steps": 2}},
    "EVA": {"layer": "conv5", "bound": "ibp", "samples": 4, "epsilon": 0.1},
    **{name: {"layer": "stage3"} for name in sparks.attribution.__all__ if name.endswith("CAM")},
    "GradCAMPlusPlus": {"layer": "stage3"},
    "DataRandomisation": {"other": shufflenet_v2_x0_5(num_classes=4)},
    "Plausibility": {"share": 0.1},
    "FORGrad": {"method": sparks.attribution.Saliency(), "cutoff": 4.0},
    "SensitivityN": {"shares": (0.2, 0.4)},
    "Greedy": {"rounds": 1, "subsets": 2, "bisections": 1, "attack": Attack(steps=1)},
    "KernelSHAP": {"samples": 32},
    "LIME": {"samples": 16},
    "RISE": {"masks": 32},
    "RobustnessSr": {"shares": (0.5,), "bisections": 1, "attack": Attack(steps=1)},
    "SmoothGrad": {"samples": 2},
    "SquareGrad": {"samples": 2},
    "VarGrad": {"samples": 2},
    "ExpectedGradients": {"samples": 2},
}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A network as torchvision gives it: not wrapped, in training mode."""
    torch.manual_seed(0)
    return shufflenet_v2_x0_5(num_classes=4)


def built(kind, name):
    allowed = kind.__dataclass_fields__
    settings = {key: value for key, value in SETTINGS.items() if key in allowed}
    return kind(**settings | OWN.get(name, {}))


def test_packages_are_reached_without_another_import_and_torch_waits() -> None:
    code = (
        "import sys, sparks\n"
        "assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "assert sparks.attribution.Sobol.__name__ == 'Sobol' and 'torch' in sys.modules\n"
        "assert all(getattr(sparks, name) for name in sparks.__all__)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="module 'sparks' has no attribute 'nothing'"):
        _ = sparks.nothing


# GradientPaths reads layers, and has no rule for those of this network that split channels.
NOT_HERE = {"OnEmbeddings", "GradientPaths"}


@pytest.mark.parametrize("name", sorted({*sparks.attribution.__all__} - NOT_HERE))
def test_methods_explain_a_plain_network(name: str, network: nn.Module) -> None:
    maps = built(getattr(sparks.attribution, name), name)(network, IMAGES[:2], TARGET[:2])
    assert maps.shape == (2, 32, 32)
    assert network.training, "the user's network keeps its mode"


@pytest.mark.parametrize("name", sorted({*sparks.metrics.__all__} - {"Explanation"}))
def test_metrics_ask_a_plain_network(name: str, network: nn.Module) -> None:
    method = sparks.attribution.Saliency()
    x, target = IMAGES[:2], TARGET[:2]
    maps = method(network, x, target)
    explanation = sparks.metrics.Explanation(network, x, target, maps, maps > 0, method)
    scores = built(getattr(sparks.metrics, name), name)(explanation)
    assert all(len(values) == 2 for values in scores.values())
    assert network.training


def test_concepts_of_a_plain_network_are_those_of_the_wrapped_one(network: nn.Module) -> None:
    """In whichever mode: batch norms and dropout never change what is explained."""
    craft = Craft(dictionary=NMF(concepts=2), importance=sparks.attribution.Sobol(points=4))
    layers = [Layer(Classifier(network).eval(), "stage3", IMAGES[:1])]
    network.train()
    layers.append(Layer(network, "stage3", IMAGES[:1]))
    atoms = [craft.fit(layer, IMAGES).dictionary.atoms for layer in layers]
    assert torch.equal(*atoms)
    assert torch.equal(*(layer.logits(layer.activations(IMAGES)) for layer in layers))
    assert CraftMaps(layer="stage3", craft=craft)(network, IMAGES, TARGET * 0).shape == (6, 32, 32)
    assert network.training


def test_a_network_in_double_precision_has_concepts() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2)).double()
    layer = Layer(network, "1", torch.rand(1, 1, 8, 8).double())
    assert layer.activations(torch.rand(3, 1, 8, 8).double()).shape == (3, 36, 2)


def test_pictures_of_a_plain_network(network: nn.Module) -> None:
    view = sparks.visualization
    statistics = view.image_statistics(lambda: [IMAGES])
    layer = Layer(network, "stage3", IMAGES[:1])
    for objective in (view.logits(network, [0, 3]), view.channels(layer, [0, 1])):
        pictures = view.Ascent(steps=2)(objective, statistics, (32, 32))
        assert pictures.images.shape == (2, 3, 32, 32)
    assert network.training


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda net: Layer(net, "stag3", IMAGES[:1]), "did you mean 'stage3'"),
        (lambda net: Layer(net, "stage3", IMAGES[0]), "no image of shape"),
        (lambda net: Layer(lambda x: x, "stage3", IMAGES[:1]), "give a torch.nn.Module"),
        (
            lambda net: sparks.attribution.Saliency()(net, IMAGES * 255, TARGET),
            r"outside of \[0, 1\]",
        ),
        (lambda net: sparks.attribution.Saliency()(net, IMAGES, TARGET + 9), "class 12 does not"),
    ],
)
def test_wrong_use_gets_one_line(wrong, message: str, network: nn.Module) -> None:
    with pytest.raises(sparks.SparksError, match=message) as error:
        wrong(network)
    assert "\n" not in str(error.value)


def test_what_is_shown_of_an_object_is_short(network: nn.Module) -> None:
    method = sparks.attribution.Sobol()
    maps = torch.rand(6, 32, 32)
    explanation = sparks.metrics.Explanation(network, IMAGES, TARGET, maps, method=method)
    layer = Layer(network, "stage3", IMAGES[:1])
    concepts = Craft(dictionary=NMF(concepts=2)).fit(layer, IMAGES)
    view = sparks.visualization
    statistics = view.image_statistics(lambda: [IMAGES])
    things = [method, explanation, layer, concepts, concepts.dictionary, concepts.crops]
    things += [statistics, view.Ascent(), view.logits(network, range(1000))]
    assert [repr(thing) for thing in things if len(repr(thing)) > 250] == []
    assert all("\n" not in repr(thing) for thing in things)
    assert repr(view.Ascent(steps=3)) == "Ascent(steps=3)"
    assert "x=Tensor(6, 3, 32, 32)" in repr(explanation)
    assert "model=ShuffleNetV2(...)" in repr(explanation)


def test_classes_are_asked_of_a_plain_network(network: nn.Module) -> None:
    labels = torch.zeros(6, dtype=torch.int64)
    images = sparks.data.ImageSet(labels, ("a",), (IMAGES * 255).round().byte())
    assert Classified.by(network, images).predicted.shape == (6,)


@pytest.mark.nightly
def test_the_example_of_the_readme_runs(tmp_path, monkeypatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(README), "exec"), {})
    assert {path.name for path in tmp_path.iterdir()} == {
        "maps.png",
        "deletion.png",
        "concepts.png",
    }


@pytest.mark.nightly
def test_the_page_for_notebooks_runs(tmp_path, monkeypatch) -> None:
    page = (README.parent / "docs" / "library.md").read_text()
    code = "".join(re.findall(r"^```python\n(.*?)^```", page, re.M | re.S))
    monkeypatch.chdir(tmp_path)
    made: dict[str, torch.Tensor] = {}
    exec(compile(code.replace("steps=96", "steps=2"), "library.md", "exec"), made)
    assert {path.name for path in tmp_path.iterdir()} == {"maps.png", "concepts.png"}
    for name in ("lime", "windows"):
        assert made[name].shape == (2, 224, 224)
    assert made["pictures"].shape == made["accentuated"].shape == (1, 3, 224, 224)
    assert made["certified"].isfinite().all()
