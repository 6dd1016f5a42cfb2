"""The start of a run: what it says, refuses and tidies up, without Snakemake."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from composed import composed

from sparks.errors import SparksError
from sparks_thesis.pipeline import console, input_checks, run_lock
from sparks_thesis.pipeline.scale import overrides_of
from sparks_thesis.pipeline.start import Start

HALF = Path("results/.scale.abcdefgh.txt")


class Plan(list):
    """Jobs of a run, all of which are to run."""

    def needrun_jobs(self, exclude_finished):
        return iter(self)


def job(number):
    rule = SimpleNamespace(name="figure", norun=False)
    return SimpleNamespace(jobid=number, rule=rule, wildcards_dict={"item": str(number)})


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A run of two jobs in an empty folder, where a killed one has left half a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_lock, "hold", lambda: None)  # until this process ends
    HALF.parent.mkdir()
    HALF.write_text("smo")
    workflow = SimpleNamespace(
        **{"touch": False, "dryrun": False, "local_exec": False, "cores": 2},
        dag=Plan([job(1), job(2)]),
        output_settings=SimpleNamespace(verbose=False, printshellcmds=True),
        storage_settings=SimpleNamespace(default_storage_provider=None),
    )
    config = composed("scale=smoke", "experiment=words")
    return Start(workflow, config, ["scale=smoke", "seed=1"], logging.Logger("of a run"))


def test_a_run_notes_its_scale_and_removes_what_is_half_written(start):
    start.begin()
    assert Path("results/scale.txt").read_text() == "smoke\n"
    assert not HALF.exists()


def test_a_run_of_all_notes_the_overrides_of_its_experiments(start):
    start.begin()
    assert overrides_of(Path()) == {}  # it made one file by name
    start.makes_whole = True
    start.begin()
    assert overrides_of(Path()) == {"words": ["seed=1"]}


def test_touch_notes_and_removes_nothing(start):
    start.workflow.touch = True
    start.begin()
    assert not Path("results/scale.txt").exists()
    assert HALF.exists()


def test_results_of_another_scale_are_refused_before_anything_is_removed(start):
    Path("results/scale.txt").write_text("laptop\n")
    [line] = start.refusals()
    assert line.startswith("As it is, this run will be refused: results/ holds what scale=laptop")
    with pytest.raises(SparksError, match="results/ holds what scale=laptop made"):
        start.begin()
    assert HALF.exists()


def test_missing_files_are_refused_unless_artifacts_are_in_a_bucket(start, monkeypatch):
    start.needed.add(input_checks.Needed("dataset", "voc2007"))
    asked = []

    def problems(config, needed, network):
        asked.append((list(needed), network))
        return ["data/voc2007 is missing: put it there"]

    monkeypatch.setattr(input_checks, "problems", problems)
    with pytest.raises(SparksError, match="data/voc2007 is missing"):
        start.begin()
    assert asked == [([input_checks.Needed("dataset", "voc2007")], True)]
    start.workflow.storage_settings.default_storage_provider = "s3"
    start.begin()
    assert len(asked) == 1


def test_the_time_of_the_jobs_to_do_is_said_last(start):
    *before, last = start.plan()
    assert before == []
    assert last == console.to_do(
        console.Plan({1: console.UNKNOWN, 2: console.UNKNOWN}, unknown=2), 1
    )
    start.makes_whole = True
    *before, last = start.plan()
    assert before[0].startswith("Planned for scale smoke")
    assert last.startswith("2 jobs to do: about 0 s on 1 core, not counting 2 ")


def test_a_dry_run_says_what_it_takes_if_it_is_of_everything(start, capsys):
    start.look()
    assert capsys.readouterr().out == ""
    start.makes_whole = True
    start.look()
    assert " jobs to do: about " in capsys.readouterr().out.splitlines()[-1]


def test_a_dry_run_looks_in_the_folder_of_the_run(start, capsys, tmp_path_factory, monkeypatch):
    # Which Snakemake has left when it ends, if it was given by --directory.
    Path("results/scale.txt").write_text("laptop\n")
    start.makes_whole = True
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    start.look()
    assert "refused: results/ holds what scale=laptop made" in capsys.readouterr().out
