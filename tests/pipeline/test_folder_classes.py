"""The number of classes follows from the folder, and models are built from it."""

import pytest

from sparks.errors import SparksError
from sparks.models import save_weights
from sparks_thesis.pipeline.compose import compose, count_classes
from sparks_thesis.pipeline.factories import classifier
from sparks_thesis.pipeline.selection import part
from sparks_thesis.pipeline.validate import validate

EXPERIMENT = ["scale=smoke", "experiment=sobol", "experiments.sobol.datasets=[folder]"]
NETWORK = ["experiments.sobol.models=[convnet]", "experiments.sobol.methods=[sobol]"]


def composed(folder, *overrides):
    return compose([*EXPERIMENT, *NETWORK, f"data_dir={folder}", *overrides])


@pytest.fixture
def make(tmp_path):
    """Make folders with an empty file called like an image in each."""

    def made(*folders):
        for folder in folders:
            place = tmp_path / "folder" / folder
            place.mkdir(parents=True)
            (place / "x.png").touch()
        return tmp_path

    return made


@pytest.mark.parametrize(("n", "split"), [(2, ""), (11, "Train/")])
def test_models_are_built_for_as_many_classes_as_there_are(make, n, split):
    folder = make(*(f"{split}{i}" for i in range(n)), f"{split}.ipynb_checkpoints")
    if split:
        make(*(f"valid/{i}" for i in range(n)))
    config = composed(folder)
    validate(config)
    settings = part(config, ["model.classifier", "dataset"], dataset="folder", model="convnet")
    assert settings["model.classifier"]["net"]["num_classes"] == n
    assert settings["dataset"]["builder"]["num_classes"] == n


def test_a_script_at_the_shell_knows_them_too(make):
    config = compose(["dataset=folder", f"data_dir={make('a', 'b', 'c')}"])
    config.dataset.num_classes = None  # as Hydra hands it to a script
    assert (
        part(count_classes(config), ["model.classifier"])["model.classifier"]["net"]["num_classes"]
        == 3
    )


def test_a_number_that_is_set_is_kept(make):
    folder = make("a", "b", "c")
    assert composed(folder, "datasets.folder.num_classes=2").datasets.folder.num_classes == 2


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ((), "folder does not exist: make it with one sub-folder"),
        (("valid/a", "test/a"), "called like splits .'test', 'valid'"),
        (("a",), "folder has one class, of which models.convnet cannot learn anything"),
        (("",), "folder has one class, of which models.convnet cannot learn anything"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_any_job(make, tmp_path, folders, expected):
    make(*folders)
    with pytest.raises(SparksError, match=expected):
        validate(composed(tmp_path))


def test_one_class_is_enough_for_a_network_that_is_trained(make, tmp_path):
    folder = make("a")
    described = part(composed(folder), ["model.classifier"], dataset="folder", model="convnet")
    save_weights(classifier(described["model.classifier"], 0), tmp_path / "mine.safetensors")
    validate(composed(folder, f"models.convnet.weights={tmp_path / 'mine.safetensors'}"))


def test_a_folder_that_nothing_uses_may_be_missing(tmp_path):
    config = compose(["scale=smoke", f"data_dir={tmp_path}"])
    validate(config)
    assert config.datasets.folder.num_classes is None


def test_only_folders_say_how_many_classes_they_have(tmp_path):
    digits = ["experiments.sobol.datasets=[digits]", "datasets.digits.num_classes=null"]
    with pytest.raises(
        SparksError, match=r"digits\.num_classes=null: only a folder of images says"
    ):
        validate(composed(tmp_path, *digits))
