"""Artifacts cut short after their job ended are noticed, and nothing else is touched."""

import json

import pytest

from sparks_thesis.pipeline import integrity


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/models").mkdir(parents=True)
    return tmp_path


JOB = ("train", {"dataset": "digits", "seed": "0"})


def write(name, size):
    path = integrity.RESULTS / name
    path.write_bytes(bytes(size))
    return str(path)


def state(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_truncated_artifact_is_counted_once_and_looking_changes_nothing(folder):
    cut, whole = write("models/cut.safetensors", 100), write("models/whole.safetensors", 100)
    integrity.note(*JOB, [cut, whole], damaged=0)
    assert integrity.damage(*JOB) == (0, [])
    write("models/cut.safetensors", 40)
    before = state(folder)
    for _ in range(2):
        times, [line] = integrity.damage(*JOB)
        assert times == 1
        assert "models/cut.safetensors has 40 bytes, not the 100" in line
    assert state(folder) == before


def test_the_count_is_the_same_before_during_and_after_the_job_that_makes_it_again(folder):
    path = write("cut.parquet", 100)
    integrity.note(*JOB, [path], damaged=2)
    write("cut.parquet", 40)
    planned, _ = integrity.damage(*JOB)
    integrity.acknowledge()  # the run starts
    started, _ = integrity.damage(*JOB)
    (folder / path).unlink()  # Snakemake removes the outputs of a job that starts
    running, lines = integrity.damage(*JOB)  # as a job on a cluster would see it
    assert lines == []
    write("cut.parquet", 100)
    integrity.note(*JOB, [path], running)
    assert (planned, started, running, integrity.damage(*JOB)[0]) == (3, 3, 3, 3)
    integrity.acknowledge()  # nothing is damaged any more
    assert integrity.damage(*JOB) == (3, [])
    write("cut.parquet", 99)
    assert integrity.damage(*JOB)[0] == 4


def test_damage_is_of_one_job_and_the_last_note_counts(folder):
    path = write("a.parquet", 100)
    integrity.note(*JOB, [path], damaged=0)
    write("a.parquet", 60)
    other = ("train", {"dataset": "digits", "seed": "1"})
    assert integrity.damage(*other) == (0, [])
    integrity.note(*JOB, [path], damaged=0)
    assert integrity.damage(*JOB) == (0, [])


def test_missing_files_folders_and_links_are_no_damage(folder):
    elsewhere = folder / "cached"
    elsewhere.write_bytes(bytes(10))
    link, gone = write("link.safetensors", 20), write("gone.safetensors", 5)
    integrity.note(*JOB, [link, gone, "results/models"], damaged=0)
    (folder / link).unlink()
    (folder / link).symlink_to(elsewhere)
    (folder / gone).unlink()
    integrity.acknowledge()
    assert integrity.damage(*JOB) == (0, [])
    assert (folder / link).is_symlink()


@pytest.mark.parametrize("text", ['{"sizes": {"results/a.par', "[]", '{"results/a.parquet": 100}'])
def test_a_damaged_note_says_nothing(folder, text):
    path = write("a.parquet", 100)
    integrity.note(*JOB, [path], damaged=1)
    [note] = integrity.NOTES.iterdir()
    assert json.loads(note.read_text())["damaged"] == 1
    note.write_text(text)
    write("a.parquet", 60)
    integrity.acknowledge()
    assert integrity.damage(*JOB) == (0, [])


def test_half_written_files_are_deleted_and_nothing_else(folder):
    half = folder / "results/models/.weights.k2j3h4_x.safetensors"
    half.write_bytes(b"half")
    folder_half = folder / "results/models/.lens.abcdefgh/classes.parquet"
    folder_half.parent.mkdir()
    folder_half.write_bytes(b"half")
    stamp = folder / "results/models/.snakemake_timestamp"
    stamp.touch()
    own = folder / "results/.ipynb_checkpoints"  # somebody's, not a job's
    own.mkdir()
    whole = folder / write("a.parquet", 100)
    integrity.remove_half_written()
    assert not half.exists()
    assert not folder_half.parent.exists()
    assert stamp.exists()
    assert own.exists()
    assert whole.exists()


def test_the_name_of_what_an_artifact_is_written_to_is_known(folder):
    from sparks.io import atomic

    with atomic(folder / "results/a.parquet") as temporary:
        assert integrity.HALF.fullmatch(temporary.name)
