"""Artifacts cut short after their job ended are found, and nothing else is touched."""

import pytest

from harness import lock, repair


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/models").mkdir(parents=True)
    return tmp_path


def write(path, size):
    path.write_bytes(bytes(size))
    return str(path)


def test_a_truncated_artifact_is_moved_aside_and_named(folder):
    cut = write(repair.RESULTS / "models/cut.safetensors", 100)
    whole = write(repair.RESULTS / "models/whole.safetensors", 100)
    repair.note([cut, whole])
    write(repair.RESULTS / "models/cut.safetensors", 40)
    [told] = repair.repair()
    assert "models/cut.safetensors has 40 bytes, not 100" in told
    assert not (folder / cut).exists()
    assert (repair.ASIDE / cut).stat().st_size == 40
    assert (folder / whole).exists()
    assert repair.repair() == []


def test_an_artifact_on_another_disk_is_moved_as_well(folder, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    cut = write(repair.RESULTS / "cut.parquet", 100)
    repair.note([cut])
    write(repair.RESULTS / "cut.parquet", 40)
    for name in ("rename", "replace"):
        monkeypatch.setattr(f"os.{name}", refuse)
    assert len(repair.repair()) == 1
    assert (repair.ASIDE / cut).stat().st_size == 40
    assert not (folder / cut).exists()


def test_the_last_note_of_a_file_counts(folder):
    path = write(repair.RESULTS / "a.parquet", 100)
    repair.note([path])
    write(repair.RESULTS / "a.parquet", 60)
    repair.note([path])
    assert repair.repair() == []
    assert (folder / path).exists()


def test_missing_files_folders_links_and_files_without_a_note_are_left_alone(folder):
    elsewhere = folder / "cached"
    elsewhere.write_bytes(bytes(10))
    link = repair.RESULTS / "link.safetensors"
    gone = write(repair.RESULTS / "gone.safetensors", 5)
    other = write(repair.RESULTS / "other.safetensors", 5)
    repair.note([write(link, 20), gone, "results/models"])
    link.unlink()
    link.symlink_to(elsewhere)
    (folder / gone).unlink()
    assert repair.repair() == []
    assert (folder / other).exists()
    assert link.is_symlink()


def test_half_written_files_are_deleted_and_a_damaged_note_tells_nothing(folder):
    half = folder / "results/models/.weights.k2j3h4_x.safetensors"
    half.write_bytes(b"half")
    folder_half = folder / "results/models/.lens.abcdefgh/classes.parquet"
    folder_half.parent.mkdir()
    folder_half.write_bytes(b"half")
    stamp = folder / "results/models/.snakemake_timestamp"
    stamp.touch()
    own = folder / "results/.ipynb_checkpoints"  # somebody's, not a job's
    own.mkdir()
    path = write(repair.RESULTS / "a.parquet", 100)
    repair.note([path])
    [note] = repair.NOTES.iterdir()
    note.write_text('{"results/a.par')
    write(repair.RESULTS / "a.parquet", 60)
    assert repair.repair() == []
    assert not half.exists()
    assert not folder_half.parent.exists()
    assert stamp.exists()
    assert own.exists()
    assert list(repair.NOTES.iterdir()) == []


def test_a_free_lock_is_free_and_a_held_one_is_not(folder):
    path = folder / "run.lock"
    assert lock.is_free(path)
    path.touch()
    assert lock.is_free(path)
    with path.open() as file:
        lock.fcntl.flock(file, lock.fcntl.LOCK_EX)
        assert not lock.is_free(path)
    assert lock.is_free(path)


def test_the_name_of_what_an_artifact_is_written_to_is_known(folder):
    from sparks.artifacts import atomic

    with atomic(folder / "results/a.parquet") as temporary:
        assert repair.HALF.fullmatch(temporary.name)


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (["--cores", "all"], True),
        (["--cores", "2", "--config", "scale=smoke", "--", "lens"], True),
        (["-n"], False),
        (["-np", "lens"], False),
        (["--cores", "1", "--dry-run"], False),
        (["--lint"], False),
        (["--report", "report.html"], False),
    ],
)
def test_what_only_looks_moves_and_deletes_nothing(arguments, runs):
    assert repair.wanted(arguments) == runs
