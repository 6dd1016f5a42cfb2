"""What the user brought: paths in a configuration, what changes a listing, and what contents."""

import os

import pytest
from composed import composed
from omegaconf import OmegaConf

from sparks.errors import SparksError
from sparks_thesis.pipeline import user_files
from sparks_thesis.pipeline.job import Config, triggers
from sparks_thesis.pipeline.paths import ROOT


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of two classes, one of them with a folder and a name that is not UTF-8."""
    monkeypatch.chdir(tmp_path)
    for name in (b"a/1.png", b"a/2.png", b"b/deep/3.png", b"b/caf\xe9.png"):
        file = os.path.join(os.fsencode(tmp_path), b"images", name)
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "wb") as opened:
            opened.write(name)
        os.utime(file, ns=(10, 10))
    forget()
    return tmp_path / "images"


def forget():
    user_files.listing.cache_clear()
    user_files.contents.cache_clear()


def both():
    forget()
    return user_files.listing("images"), user_files.contents("images")


def rewrite(file, text, at):
    file.write_text(text)
    os.utime(file, ns=(at, at))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a/new.png").write_bytes(b"x"),
        lambda folder: (folder / "a/1.png").unlink(),
        lambda folder: (folder / "a/1.png").rename(folder / "a/9.png"),
        lambda folder: (folder / "a/1.png").rename(folder / "b/1.png"),
        lambda folder: rewrite(folder / "b/deep/3.png", "other than it was", at=10),  # the size
        lambda folder: rewrite(folder / "b/deep/3.png", "B/deep/3.png", at=11),  # the time alone
        lambda folder: os.rename(bytes(folder / "b") + b"/caf\xe9.png", bytes(folder) + b"/\xe9"),
        lambda folder: (folder / "c").symlink_to(folder / "a"),
    ],
)
def test_every_change_of_a_folder_changes_its_listing_and_its_contents(folder, change):
    before = both()
    change(folder)
    after = both()
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_times_and_hidden_files_are_no_contents(folder):
    listed, read = both()
    (folder / ".DS_Store").write_bytes(b"litter")
    (folder / "a/.ipynb_checkpoints").mkdir()
    (folder / "a/.ipynb_checkpoints/1.png").write_bytes(b"litter")
    assert both() == (listed, read)
    os.utime(folder / "a/1.png", ns=(12, 12))
    assert both()[1] == read
    assert both()[0] != listed


def test_links_to_oneself_and_to_nowhere_end(folder):
    listed = both()
    (folder / "a/self").symlink_to(folder / "a")
    (folder / "a/above").symlink_to(folder)
    (folder / "a/gone.png").symlink_to("nowhere.png")
    assert both() == listed


def test_of_very_many_files_the_names_still_count(folder, monkeypatch):
    monkeypatch.setattr(user_files, "MOST", 1)
    before = both()[0]
    rewrite(folder / "b/deep/3.png", "other", at=20)
    assert both()[0] == before
    (folder / "b/deep/4.png").touch()
    assert both()[0] != before


def test_a_checkpoint_is_a_file_like_others(folder):
    (folder.parent / "net.pth").write_bytes(b"1")
    os.utime("net.pth", ns=(10, 10))
    forget()
    before = user_files.listing("net.pth"), user_files.contents("net.pth")
    (folder.parent / "net.pth").write_bytes(b"2")
    forget()
    assert user_files.listing("net.pth") != before[0]
    assert user_files.contents("net.pth") != before[1]


def test_paths_in_a_configuration(folder, monkeypatch):
    (folder.parent / "net.pth").touch()
    (folder.parent / "data").mkdir()
    (folder.parent / "sobol").mkdir()
    parts = {
        "dataset": {"name": "folder", "download": False, "builder": {"root": "images", "size": 3}},
        "dataset.builder": {"root": "data"},  # of an artifact, not read
        "text": {"builder": {"root": "gone"}},
        "model.weights": "net.pth",
        "attribution": {"name": "sobol", "method": {"prototypes": ["images/a", "none/b"]}},
        "seed": 0,
        "empty": "",
    }
    assert user_files.paths_of(parts) == ["images", "images/a", "net.pth"]
    downloaded = {"dataset": {"download": True, "builder": {"root": "data"}}}
    assert user_files.paths_of(downloaded) == []
    for download, expected in ((False, ["data"]), (True, [])):
        reading = {"dataset.builder": {"root": "data"}, "dataset.download": download}
        assert user_files.paths_of(reading) == expected
    monkeypatch.setenv("HOME", str(folder))
    assert user_files.paths_of({"model.weights": "~/a/1.png"}) == ["~/a/1.png"]
    forget()
    assert user_files.contents("~/a/1.png") == user_files.contents("images/a/1.png")


def test_the_parameter_of_a_job_holds_code_files_and_damage(folder):
    parts = {"model.weights": "images/a/1.png"}
    plain, brings, damaged = (
        triggers("0123", {}, 0), triggers("0123", parts, 0), triggers("0123", parts, 2),
    )  # fmt: skip
    assert plain == {"digest": "0123", "files": [], "damaged": 0}
    assert len(brings["files"]) == 1
    assert damaged == {**brings, "damaged": 2}
    rewrite(folder / "a/1.png", "other", at=10)
    forget()
    assert triggers("0123", parts, 0) != brings


def test_provenance_says_what_was_brought_by_its_contents(folder):
    def provenance():
        forget()
        return Config({"text": {"root": "images"}, "seed": 1}, {}, {}, "0123").provenance()

    first = provenance()
    assert list(first["brought"]) == ["images"]
    os.utime(folder / "a/1.png", ns=(12, 12))
    assert provenance() == first
    rewrite(folder / "a/1.png", "b/1.png", at=10)
    assert provenance()["brought"] != first["brought"]
    assert "brought" not in Config({"seed": 1}, {}, {}, "0123").provenance()


def test_a_file_that_cannot_be_read_is_named(folder):
    files = user_files.below("images", ["a/1.png", "a/none.png"])
    with pytest.raises(SparksError, match=r"images/a/none\.png cannot be read \(No such file"):
        user_files.contents_of(files)


def test_contents_of_a_folder_say_nothing_of_a_file_that_cannot_be_read(folder, monkeypatch):
    before = both()[1]
    monkeypatch.setattr(os, "access", lambda file, mode: not os.fsencode(file).endswith(b"1.png"))
    assert both()[1] not in (before, both()[0])


def test_the_projects_own_configuration_names_no_file_of_the_checkout(monkeypatch):
    # Else an edit of it, or a result that is made, would run jobs again.
    monkeypatch.chdir(ROOT)
    config = OmegaConf.to_container(composed(), resolve=True)
    assert [path for path in user_files.named_in(config) if not path.startswith("data/")] == []
