"""jsPsych's packages: from npm or a folder, never another file than the pinned one."""

import base64
import hashlib
import io
import tarfile

import pytest

from sparks.errors import SparksError
from sparks_thesis.human_study import Package, fetch


def tarball(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


@pytest.fixture
def package(tmp_path):
    """A package that lies in a folder."""
    (tmp_path / "kept").mkdir()
    files = {"package/dist/index.browser.min.js": b"run()"}
    integrity = tarball(tmp_path / "kept" / "scope-name-1.2.3.tgz", files)
    return Package("@scope/name", "1.2.3", integrity)


def test_a_folder_takes_the_place_of_npm(package, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    fetch([package], tmp_path / "cache", str(tmp_path / "kept"))
    assert package.read_script(tmp_path / "cache") == b"run()"


def test_npm_is_asked_for_the_exact_version_and_runs_no_scripts(package, tmp_path, npm):
    npm(f'echo "$@" > {tmp_path}/asked; cp {tmp_path}/kept/scope-name-1.2.3.tgz .')
    fetch([package], tmp_path / "cache")
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:3] == ["pack", "@scope/name@1.2.3", "--ignore-scripts"]
    assert not any("registry" in word for word in asked)  # it is whatever npm is configured for
    assert package.read_script(tmp_path / "cache") == b"run()"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("exit 1", "failed"),
        ("true", "failed"),
        ("echo other > scope-name-1.2.3.tgz", "is not the package"),
    ],
)
def test_what_npm_gets_wrong_leaves_no_file(package, tmp_path, npm, program, expected):
    npm(program)
    with pytest.raises(SparksError, match=expected):
        fetch([package], tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*")) if (tmp_path / "cache").exists() else True


def test_without_npm_the_way_out_is_named(package, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SparksError) as refused:
        fetch([package], tmp_path / "cache")
    assert "study.tarballs" in str(refused.value)
    assert "npm pack @scope/name@1.2.3" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_without_a_package_is_reported(package, tmp_path):
    with pytest.raises(SparksError, match=r"has no scope-name-1\.2\.3\.tgz"):
        fetch([package], tmp_path / "cache", str(tmp_path))


def test_a_changed_tarball_is_not_read(package, tmp_path):
    path = tmp_path / "kept" / package.tarball
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SparksError, match="is not the package"):
        package.read_script(tmp_path / "kept")


def test_a_tarball_without_the_script_is_reported(tmp_path):
    integrity = tarball(tmp_path / "name-1.0.0.tgz", {"package/other.js": b""})
    with pytest.raises(SparksError, match="no file dist"):
        Package("name", "1.0.0", integrity).read_script(tmp_path)
