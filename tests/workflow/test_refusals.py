"""Bad input at the door of a script: one clear line, exit code 1, nothing half-written."""

import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from sparks.data import Digits
from sparks.io import load_tensors, save_tensors

RUN = ("scale=smoke", "dataset=digits", "model=convnet", "training.epochs=1")


@pytest.fixture(scope="module")
def project(make_project):
    """A copy of the project with digits, a trained model and images to explain."""
    project = make_project("refusals")
    splits = Digits(size=8)()
    for name, images in splits.items():
        images.save(project.folder / f"results/data/digits/{name}.safetensors")
    explained = splits["test"].subset(range(10))
    explained.save(project.folder / "results/explained/digits.safetensors")
    done = project.script("train", *RUN)
    assert done.returncode == 0, done.stderr
    return project


def refused(project, name, *overrides):
    """Run a script that must refuse, and return its one line."""
    before = sorted(project.folder.glob("results/**/*"))
    done = project.script(name, *RUN, *overrides)
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(project.folder.glob("results/**/*")) == before
    return lines[0]


@pytest.fixture
def folder(tmp_path):
    """A data set of files, two classes of images."""
    for split in ("train", "val"):
        for label, shade in (("cat", 60), ("dog", 200)):
            place = tmp_path / "folder" / split / label
            place.mkdir(parents=True)
            for number in range(3):
                pixels = np.full((16, 16, 3), shade + number, dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")
    return tmp_path


def test_missing_data_folder(project):
    output = refused(project, "data", "dataset=folder", "data_dir=/nowhere")
    assert "/nowhere/folder" in output


def test_class_without_an_image(project, folder):
    (folder / "folder/train/emu").mkdir()
    (folder / "folder/val/emu").mkdir()
    output = refused(project, "data", "dataset=folder", f"data_dir={folder}")
    assert "emu" in output


def test_corrupt_image(project, folder):
    bad = folder / "folder/val/dog/1.png"
    bad.write_bytes(bad.read_bytes()[:40])
    output = refused(project, "data", "dataset=folder", f"data_dir={folder}")
    assert "dog/1.png" in output


@pytest.fixture
def artifact(project):
    """Let a test replace an artifact, and put it back."""
    kept = {}

    def replace(name, content):
        path = project.folder / name
        kept[path] = path.read_bytes()
        path.write_bytes(content(kept[path]))

    yield replace
    for path, content in kept.items():
        path.write_bytes(content)


def test_truncated_artifact(project, artifact):
    artifact("results/data/digits/train.safetensors", lambda whole: whole[: len(whole) // 2])
    assert "train.safetensors is not an intact" in refused(project, "train", "seed=1")


def test_foreign_artifact(project, artifact):
    weights = project.folder / "results/models/digits/convnet/0/weights.safetensors"
    artifact("results/data/digits/train.safetensors", lambda _: weights.read_bytes())
    assert "holds no image set" in refused(project, "train", "seed=1")


def test_missing_input_names_the_way_to_make_it(project):
    output = refused(project, "score", "attribution=rise")
    assert "results/attributions/digits/convnet/0/rise.safetensors does not exist" in output
    assert "snakemake" in output


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return (os.mkdir, (str(self.folder),))


def test_pickle_posing_as_a_checkpoint(project, tmp_path):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    output = refused(project, "train", "seed=1", f"model.weights={tmp_path / 'evil.pth'}")
    assert "evil.pth" in output
    assert not (tmp_path / "sprung").exists()


def test_nan_is_named_by_image_and_method(project):
    path = project.folder / "results/models/digits/convnet/7/weights.safetensors"
    good = load_tensors(project.folder / "results/models/digits/convnet/0/weights.safetensors")
    bias = torch.full_like(good["net.head.bias"], torch.nan)
    save_tensors(path, good | {"net.head.bias": bias})
    for method in ("sobol", "saliency"):
        output = refused(project, "attribute", "seed=7", f"attribution={method}")
        assert "image 0" in output or "input 0" in output, output
        assert f"method={method}" in output


def test_unknown_layer(project):
    output = refused(project, "attribute", "attribution=gradcam", "model.layer=stages.9")
    assert "stages.9" in output
    assert "stages.1" in output


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_gpu_where_there_is_none(project):
    output = refused(project, "attribute", "device=cuda")
    assert "'cuda'" in output
    assert "device=auto" in output


def test_help_and_the_composed_job_are_shown(project):
    shown = project.script("train", "--help")
    assert shown.returncode == 0
    assert "training.epochs" in shown.stdout
    job = project.script(
        "train", "dataset=digits", "training.epochs=3", "--cfg", "job", "-p", "training"
    )
    assert "epochs: 3" in job.stdout
    assert not (project.folder / "outputs").exists()
