"""Data sets that take part where they are on disk, and what a scale sets for one data set."""

import pandas as pd
import pytest
from composed import composed
from omegaconf import OmegaConf

from sparks.errors import SparksError
from sparks_thesis.pipeline import dag, downloads, grid
from sparks_thesis.pipeline.compose import ABSENT, compose, overrule_scale
from sparks_thesis.pipeline.outputs import about_data
from sparks_thesis.pipeline.selection import part

CHAPTERS = ("craft", "holistic", "maco", "lens")
RUN = ("imagenette", "efficientnet_lite0", 0)


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """An empty data folder, as an override."""
    monkeypatch.delenv(ABSENT, raising=False)
    return tmp_path, f"data_dir={tmp_path}"


def test_a_data_set_that_is_not_on_disk_is_left_out_and_a_line_says_how_to_get_it(disk):
    folder, override = disk
    config = compose([override])
    assert all(RUN not in grid.runs(config, name) for name in CHAPTERS)
    assert dag.lens_story(config) == []
    [line] = downloads.left_out(config)
    assert str(folder / "imagenette2-320") in line
    assert "craft, holistic, maco and lens" in line
    assert line.endswith("./sparks snakemake --cores 1 download")
    assert downloads.notes(config) == [
        "results/downloads/imagenette.json"
    ]  # what that command makes


def test_a_data_set_on_disk_comes_first(disk):
    folder, override = disk
    (folder / "imagenette2-320").mkdir()
    config = compose([override])
    assert all(grid.runs(config, name)[0] == RUN for name in CHAPTERS)
    assert downloads.left_out(config) == []
    covering = "results/studies/covering/imagenette/efficientnet_lite0/0"
    concepts = "results/concepts/craft/imagenette/efficientnet_lite0/0/features.parquet"
    files = [f"{covering}.parquet", f"{covering}.safetensors", concepts]
    assert dag.lens_story(config) == files
    OmegaConf.update(config, "studies.lens.stories", {}, merge=False)
    assert dag.lens_story(config) == []


def test_a_data_set_that_is_asked_for_is_never_left_out(disk):
    config = compose([disk[1], "experiment=[craft]", "shared.concept_datasets=[imagenette]"])
    assert grid.runs(config, "craft") == [RUN]
    assert downloads.left_out(config) == []


def test_a_chapter_without_any_of_its_data_is_left_out_by_name(disk):
    folder, override = disk
    lists = ["experiments.eva.datasets=['mnist?']", "experiments.words.texts=['imdb?']"]
    config = compose([override, "experiment=[eva,words,lipschitz]", *lists])
    assert list(config.experiments) == ["lipschitz"]
    mnist, imdb = sorted(downloads.left_out(config), reverse=True)
    assert str(folder / "MNIST/raw") in mnist
    assert "eva is left out; to get it: ./sparks snakemake --cores 1 download" in mnist
    assert str(folder / "aclImdb") in imdb
    assert "words is left out; to get it: IMDB" in imdb  # no program fetches it
    assert downloads.notes(config) == ["results/downloads/mnist.json"]
    (folder / "aclImdb").mkdir()
    config = compose([override, "experiment=[eva,words,lipschitz]", *lists])
    assert list(config.experiments) == ["words", "lipschitz"]
    assert config.experiments.words.texts == ["imdb"]


def test_a_chapter_that_is_asked_for_alone_is_never_left_out(disk):
    """So that the check of the files says what is missing, where from and where to."""
    config = compose([disk[1], "experiment=[eva]", "experiments.eva.datasets=['mnist?']"])
    assert {run.dataset for run in grid.runs(config, "eva")} == {"mnist"}
    assert downloads.left_out(config) == []


def test_what_captions_say_of_data_is_gathered_from_their_files():
    config = composed()
    assert "lossy" in config.notes.cifar10_jpeg
    assert "real people" in config.notes.osie
    scores = {"scores": pd.DataFrame({"dataset": ["cifar10_jpeg", "digits"]})}
    assert about_data(config.notes, scores) == f" {config.notes.cifar10_jpeg}"
    published = {"published": pd.DataFrame({"dataset": ["cifar10_jpeg"]})}
    assert about_data(config.notes, published) == ""


def test_a_run_decides_once(disk, monkeypatch):
    folder, override = disk
    (folder / "imagenette2-320").mkdir()
    monkeypatch.setenv(ABSENT, "imagenette")
    assert RUN not in grid.runs(compose([override]), "craft")
    monkeypatch.setenv(ABSENT, "")
    (folder / "imagenette2-320").rmdir()
    assert RUN in grid.runs(compose([override]), "craft")


def test_a_data_set_without_a_folder_cannot_be_optional():
    with pytest.raises(SparksError, match=r"digits\?.*config/dataset/digits.yaml.*folder"):
        compose(["shared.datasets=['digits?']"])


def test_what_a_scale_has_otherwise_for_a_data_set_is_for_its_jobs_alone():
    config = composed("+per_dataset.digits={studies: {craft: {study: {images: 7}}}, seed: 5}")
    key = "studies.craft.study.images"
    others = part(config, [key, "seed"], dataset="block_digits")
    assert part(config, [key, "seed"], dataset="digits") == {key: 7, "seed": 5}
    assert part(config, [key, "seed"], dataset="block_digits") == others == {key: 40, "seed": 0}


def test_a_scale_may_change_a_data_set_itself():
    config = composed("+per_dataset.digits={dataset: {size: 24}}")
    assert part(config, ["dataset.size", "dataset.builder"], dataset="digits") == {
        "dataset.size": 24,
        "dataset.builder": {**config.datasets.digits.builder, "size": 24},
    }
    assert part(config, ["dataset.name", "dataset.size"], dataset="block_digits") == {
        "dataset.name": "block_digits",
        "dataset.size": config.datasets.block_digits.size,
    }


@pytest.mark.parametrize(
    ("overrides", "size", "points"),
    [
        ([], 160, 16),
        (["datasets.photographs.size=224"], 224, 16),
        (["shared.sobol_points=5"], 160, 5),
        (["shared.sobol_points=5", "per_dataset.photographs.shared.sobol_points=6"], 160, 6),
        (["shared.sobol_points=5", "per_dataset.photographs.shared={sobol_points: 6}"], 160, 6),
        (["datasets.digits.size=12", "per_dataset.photographs.dataset.size=96"], 96, 16),
    ],
)
def test_what_the_user_says_holds_for_a_data_set_of_which_the_scale_says_otherwise(
    overrides, size, points
):
    config = composed("scale=laptop", *overrides)
    keys = ["dataset.size", "shared.sobol_points"]
    chosen = part(config, keys, dataset="photographs")
    assert chosen == {"dataset.size": size, "shared.sobol_points": points}


def test_a_key_of_the_whole_tree_holds_too():
    own = "+per_dataset.digits={seed: 5}"
    assert part(composed(own), ["seed"], dataset="digits") == {"seed": 5}
    assert part(composed("scale=smoke", own, "seed=3"), ["seed"], dataset="digits") == {"seed": 5}
    config = compose([own])
    overrule_scale(config, {"seed"})
    assert part(config, ["seed"], dataset="digits") == {"seed": 0}


def test_a_key_that_is_not_there_is_refused_by_name():
    config = composed("+per_dataset.digits={shared: {sobol_point: 7}}")
    with pytest.raises(SparksError, match=r"per_dataset\.digits\.shared\.sobol_point: there is no"):
        part(config, ["seed"], dataset="digits")
