"""scale=real with and without the data that one must bring."""

import pytest

from sparks_thesis.pipeline import dag, downloads, grid, validate
from sparks_thesis.pipeline.compose import ABSENT, compose
from sparks_thesis.pipeline.selection import part

ALL = (
    "mnist fashion_mnist cifar10 cifar10_jpeg nips2017 osie imagenette imagenette_tagged cat_dog "
    "marked imdb"
)


@pytest.fixture
def real(monkeypatch):
    """Compose the scale with some of its data missing, whatever is on disk."""

    def composed(*absent, overrides=()):
        monkeypatch.setenv(ABSENT, ",".join(absent))
        return compose(["scale=real", *overrides])

    return composed


def test_with_all_data_every_chapter_runs_on_that_of_its_paper(real):
    config = real()
    validate.validate_names(config, validate.plain(config))
    used = {name: {run.dataset for run in grid.runs(config, name)} for name in config.experiments}
    assert used["sobol"] == {"nips2017", "imagenette", "photographs"}
    assert used["stability"] == {"fashion_mnist", "cifar10", "cifar10_jpeg"}
    assert used["eva"] == {"mnist", "imagenette"}
    assert used["lipschitz"] == {"fashion_mnist", "cat_dog"}
    assert used["people"] == {"osie"}
    assert used["utility"] == {"imagenette_tagged"}
    shown = ("craft", "holistic", "maco", "lens", "beyond")
    assert {used[name] == {"imagenette"} for name in shown} == {True}
    assert grid.experiment(config, "words")["texts"] == ["imdb"]
    assert downloads.left_out(config) == []


def test_kernelshap_has_masks_enough_for_the_longest_review(real):
    """It needs 2 (d - 1) of d words, and only the job, after a quarter of an hour, knows d."""
    found = part(real(), ["words", "text"], text="imdb")
    words, length = found["words"], found["text"]["builder"]["length"]
    assert words["explainers"]["KernelSHAP"]["samples"] >= 2 * (length - 1)


def test_without_any_the_photographs_that_are_installed_remain(real):
    config = real(*ALL.split())
    validate.validate_names(config, validate.plain(config))
    assert list(config.experiments) == ["models", "sobol"]
    assert {run.dataset for run in grid.runs(config, "sobol")} == {"photographs"}
    assert grid.study_runs(config, "sobol", "budget") == []
    assert dag.lens_story(config) == []
    expected = "\n".join(downloads.left_out(config))
    assert all(f"{name} is not in " in expected for name in ALL.split())
    fetched = {note.rpartition("/")[2] for note in downloads.notes(config)}
    assert {"mnist.json", "fashion_mnist.json", "cifar10.json", "imagenette.json"} <= fetched


def test_a_chapter_alone_asks_for_its_own_data(real):
    config = real("mnist", "imagenette", overrides=["experiment=[eva]"])
    assert {run.dataset for run in grid.runs(config, "eva")} == {"mnist", "imagenette"}


def test_nothing_drawn_is_shown_as_data_of_a_paper(real):
    config = real()
    drawn = [name for name, made in config.datasets.items() if "himera" in made.builder._target_]
    used = {run.dataset for name in config.experiments for run in grid.runs(config, name)}
    assert used.isdisjoint([*drawn, "digits", "block_digits"])
