"""Which models `make lens-serve` offers, and that a network of all classes names photographs."""

import io

import pytest
from composed import composed
from PIL import Image

from sparks.data.imagenet_names import distinct_names, imagenet_names
from sparks.errors import SparksError
from sparks_thesis.lens.networks import KEYS, Workflow, choose, examples
from sparks_thesis.lens.upload import read_image
from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.factories import classifier
from sparks_thesis.pipeline.selection import part


@pytest.fixture(scope="module")
def workflow():
    """What the project's configuration knows; nothing of it was run."""

    def nothing(*_):
        raise AssertionError("there are no files to read")

    config = composed()
    places = {"table": paths.LENS, "atlas": paths.LENS_ATLAS}
    chosen = (config.datasets, config.models, lambda names: part(config, KEYS, **names))
    return Workflow(places, *chosen, build=classifier, trained=nothing, banks=nothing)


@pytest.fixture
def surveyed(workflow, tmp_path, monkeypatch):
    """A folder with atlases of the models named, and the list of what can be served there."""
    monkeypatch.chdir(tmp_path)

    def listed(*names):
        for name in names:
            file = tmp_path / f"results/studies/lens/{name}/0.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return workflow.networks()

    return listed


def named(found):
    return ["{dataset}/{model}".format(**network.names) for network in found]


def test_a_network_of_all_classes_comes_first_surveyed_or_not(surveyed, workflow):
    (ready,) = surveyed()
    assert (ready.surveyed, len(ready.rows)) == (False, 10)
    assert "No class was surveyed" in workflow.offer(ready, {}).about
    found = surveyed("chimera/convnet", "imagenette/efficientnet_lite1", "no_such_data/convnet")
    assert named(found) == [
        "imagenette/efficientnet_lite1", "imagenette/efficientnet_lite0", "chimera/convnet",
    ]  # fmt: skip
    assert [network.surveyed for network in found] == [True, False, True]
    found = surveyed("imagenette/efficientnet_lite0")
    assert named(found)[0] == "imagenette/efficientnet_lite0"
    assert found[0].surveyed
    assert found[-1].rows is None


def test_the_command_line_names_the_first_or_is_refused(surveyed):
    found = surveyed("chimera/convnet", "digits/convnet")
    assert named(choose(found, {"model": "convnet"}))[0] == "chimera/convnet"
    assert named(choose(found, {"dataset": "digits"}))[0] == "digits/convnet"
    assert len(choose(found, {"dataset": "digits"})) == len(found)
    with pytest.raises(SparksError, match=r"dataset=mnist was surveyed: choose one of .*chimera"):
        choose(found, {"dataset": "mnist"})


def test_a_photograph_is_named_among_all_classes(surveyed, workflow):
    (ready,) = surveyed()
    ready_made = workflow.load(ready)
    (coffee,) = [example for example in examples() if example.name == "espresso"]
    assert Image.open(io.BytesIO(coffee.data)).size > (224, 224)
    found = ready_made.explain(read_image(coffee.data, ready_made.size, ready_made.channels))
    assert found.candidates[0].name == "espresso"
    assert found.candidates[0].target == 967
    assert (found.explained, found.distance) == (None, None)
    assert float(found.candidates[0].heat.max()) == pytest.approx(1)


def test_classes_have_names_of_their_own_with_their_synonyms():
    assert len(set(distinct_names())) == len(imagenet_names()) == 1000
    assert imagenet_names()[491] == "chain saw, chainsaw"
    assert distinct_names()[491] == "chain saw"
    assert [distinct_names()[i] for i in (134, 517)] == ["crane (class 134)", "crane (class 517)"]
