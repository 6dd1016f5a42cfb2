"""What files a run reads is looked for before a job starts: one line each, with the way out."""

import json

import pytest
from composed import composed
from photographs import write_jpeg

from sparks.errors import SparksError
from sparks_thesis.pipeline import checks, input_checks, trial
from sparks_thesis.pipeline.input_checks import Needed

NOWHERE = "example.org cannot be reached: Name or service not known"


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """In an empty folder without a network, and in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("sparks_thesis.pipeline.trial.unreachable", lambda url: NOWHERE)

    def in_this_process(units):
        refusals = []
        for unit in json.loads(json.dumps(units)):
            try:
                trial.try_units([checks.Unit(*unit)])
            except SparksError as error:
                refusals.append(str(error))
        return refusals, ""

    monkeypatch.setattr(input_checks, "try_elsewhere", in_this_process)
    return tmp_path


def problems(*needed, network=True):
    lines = input_checks.problems(composed(), [Needed(*each) for each in needed], network)
    assert not any("\n" in line for line in lines)
    return lines


@pytest.mark.parametrize(
    ("needed", "source", "place"),
    [
        (("dataset", "imagenette"), "imagenette2-320.tgz", "data/imagenette2-320.tgz"),
        (("dataset", "cifar10"), "cifar-10-python.tar.gz", "data/cifar-10-python.tar.gz"),
        (("dataset", "eurosat"), "EuroSAT.zip", "data/eurosat/EuroSAT.zip"),
        (("dataset", "mnist"), "train-images-idx3-ubyte.gz", "data/MNIST/raw"),
        (("dataset", "fashion_mnist"), "t10k-labels-idx1-ubyte.gz", "data/FashionMNIST/raw"),
        (("dataset", "voc2007"), "VOCtest_06-Nov-2007.tar", "data"),
        (("model", "resnet18"), "resnet18-f37072fd.pth", "resnet18-f37072fd.pth"),
    ],
)
def test_what_cannot_be_fetched_is_named_with_its_source_and_its_place(here, needed, source, place):
    [line] = problems(needed)
    assert line.startswith(f"{needed[0]}s.{needed[1]}: ")
    assert NOWHERE in line
    url = next(word for word in line.split() if word.startswith("https://") and source in word)
    assert url.strip(",").endswith(source)
    folder = here / "torch/hub/checkpoints" if needed[0] == "model" else here
    assert line.endswith(str(folder / place))
    assert problems(needed, network=False) == []  # a dry run asks no server
    assert list(here.rglob("*")) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imagenet", "there is no train in data/imagenet: put the folders train/WNID and val/WNID"),
        ("coco2014", "there is no folder data/coco2014/train2014: put train2014.zip"),
        ("cat_dog", "image folder data/cat_dog does not exist"),
        ("celeba", "mmlab.ie.cuhk.edu.hk"),
        ("clickme", "sparks.alignment.clickme"),
    ],
)
def test_what_one_must_bring_is_named_by_dry_runs_too(name, expected):
    for network in (True, False):
        [line] = problems(("dataset", name), network=network)
        assert line.startswith(f"datasets.{name}: ")
        assert expected in line


def test_a_folder_of_texts_is_looked_for():
    [line] = problems(("text", "imdb"))
    assert "aclImdb_v1.tar.gz" in line
    assert problems(("text", "reviews")) == []


def test_what_is_made_here_reads_no_files():
    assert problems(("dataset", "chimera"), ("dataset", "photographs"), ("dataset", "digits")) == []


def test_classes_of_a_folder_are_looked_at(here):
    for split in ("train", "val"):
        write_jpeg(here / "data/cat_dog" / split / "cat/a.jpg", grey=9)
    [line] = problems(("dataset", "cat_dog"))
    assert "has 1 classes (cat) but num_classes is 2" in line
    write_jpeg(here / "data/cat_dog/train/dog/a.jpg", grey=9)
    [line] = problems(("dataset", "cat_dog"))
    assert "class 'dog' is in one of train and test only" in line
    (here / "data/cat_dog/val/dog").mkdir()
    [line] = problems(("dataset", "cat_dog"))
    assert "class 'dog' has no image" in line
    write_jpeg(here / "data/cat_dog/val/dog/a.jpg", grey=9)
    assert problems(("dataset", "cat_dog")) == []


def test_half_an_archive_is_named_without_asking_a_server(here):
    (here / "data").mkdir()
    (here / "data/imagenette2-320.tgz").write_bytes(b"half")
    for network in (True, False):
        [line] = problems(("dataset", "imagenette"), network=network)
        assert "data/imagenette2-320.tgz is not the published file, or only a part of it" in line


def test_downloaded_files_that_are_gone_are_named(here):
    for note in ("imagenette.json", "weights/resnet18.json"):
        path = here / "results/downloads" / note
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    data, weights = problems(("dataset", "imagenette"), ("model", "resnet18"))
    assert data.startswith("datasets.imagenette: imagenette is not in data/imagenette2-320")
    assert "was downloaded, and is gone" in weights
    assert "results/downloads/weights/resnet18.json" in weights


def test_what_the_experiments_read_is_listed():
    config = composed(
        "experiment=[models,words]",
        "shared.datasets=[cat_dog]",
        "shared.models=[resnet18]",
        "experiments.words.texts=[imdb]",
    )
    found = set(input_checks.of_experiments(config))
    assert {("dataset", "cat_dog"), ("text", "imdb"), ("model", "resnet18")} <= found


def test_a_process_that_ran_out_of_memory_names_what_it_tried(monkeypatch):
    class Killed:
        returncode, stdout, stderr = -9, "\ntrying: training\n\ntrying: models.big\n", ""

    monkeypatch.setattr(checks.subprocess, "run", lambda *_, **__: Killed)
    refusals, failure = checks.try_elsewhere([])
    assert refusals == ["models.big: trying it took more memory than there is: make it smaller"]
    assert failure == ""
