"""Images of the user's that change: the next run reads them again, and all that follows sees it."""

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.nightly

TRAIN = "results/data/folder/train.safetensors"
RUN = ("--cores", "1", "--config", "scale=smoke", "overrides=[datasets.folder.size=24]", "--")


def paint(file, value):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((24, 24, 3), value, np.uint8)).save(file)


def test_a_changed_folder_is_read_again_and_its_artifact_is_another(make_project):
    project = make_project("own files")
    images = project.folder / "data/folder/train"
    for name in "ab":
        for number in range(3):
            paint(images / name / f"{number}.png", 10 * number)
            paint(images.with_name("val") / name / f"{number}.png", 10 * number)
    project.snakemake(*RUN, TRAIN)
    first = (project.folder / TRAIN).read_bytes()
    assert "Nothing to be done" in project.snakemake("-n", *RUN, TRAIN).stdout
    paint(images / "a/0.png", 200)  # the same name, the same number of bytes
    assert "rule data:" in project.snakemake("-n", *RUN, TRAIN).stdout
    project.snakemake(*RUN, TRAIN)
    second = (project.folder / TRAIN).read_bytes()
    assert second != first
    (images / "a/0.png").rename(images / "a/9.png")
    assert "rule data:" in project.snakemake("-n", *RUN, TRAIN).stdout
