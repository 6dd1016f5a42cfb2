"""Results of one scale are not overwritten by another, nor a chapter's by a run without it."""

from pathlib import Path

import pytest
from composed import composed

from sparks.errors import SparksError
from sparks_thesis.pipeline import dag, paths, scale


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_at_another_scale_is_refused_and_changes_nothing(folder):
    scale.claim("laptop")
    scale.claim("laptop")
    with pytest.raises(SparksError, match=r"holds what scale=laptop made.*--directory runs/smoke"):
        scale.claim("smoke")
    assert (folder / "results/scale.txt").read_text() == "laptop\n"
    scale.NOTE.unlink()  # with the results
    scale.claim("smoke")


def test_a_chapter_that_is_run_again_replaces_its_own_overrides_alone(folder):
    scale.note_overrides(["scale=real", "seed=1"], ["eva", "words"])
    scale.note_overrides(["scale=real", "experiment=[words]", "a.b=2"], ["words"])
    assert scale.overrides_of(folder) == {"eva": ["seed=1"], "words": ["a.b=2"]}


def test_looking_at_the_scale_writes_nothing(folder):
    scale.check("smoke")
    assert list(folder.iterdir()) == []


def touch(experiment):
    path = Path(paths.EXPERIMENT.format(experiment=experiment))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


@pytest.mark.parametrize("item", ["tab-claims", "tab-published"])
def test_a_chapter_alone_keeps_what_an_earlier_run_left_of_the_others(item):
    alone = composed("scale=smoke", "experiment=[eva]")
    everything = composed("scale=smoke")
    files = dag.item_inputs(everything, item)["scores"]
    assert len(files) > 5
    assert dag.item_inputs(alone, item)["scores"] == [paths.EXPERIMENT.format(experiment="eva")]
    for name in everything.experiments:
        touch(name)
    # The same files, so that neither run makes the table anew after the other.
    assert sorted(dag.item_inputs(alone, item)["scores"]) == sorted(files)
    assert dag.item_inputs(everything, item)["scores"] == files


def test_a_table_of_some_experiments_keeps_those_and_no_others():
    config = composed("scale=smoke", "experiment=[sobol]")
    own = [
        i for i in config["items"] if list(config["items"][i].experiments) == ["sobol", "pointing"]
    ]
    pointing, _ = touch("pointing"), touch("eva")
    for item in own:
        files = dag.item_inputs(config, item)["scores"]
        assert files == [paths.EXPERIMENT.format(experiment="sobol"), pointing]
    assert own
