"""The environment files agree with their only source, and name no index."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

LOCK = (ROOT / "requirements.lock").read_text()


def test_environments_of_conda_are_made_from_their_sources():
    from make_environment_yml import environments

    made = environments()
    assert {path: (ROOT / path).read_text() for path in made} == made, "run `make lock`"
    used = {path.name for path in (ROOT / "workflow/envs").iterdir()}
    assert used == {Path(path).name for path in made if "envs" in path}
    pinned = set(re.findall(r'- "(.*)"', made["environment.yml"]))
    for path in made:
        assert set(re.findall(r'- "(.*)"', made[path])) <= pinned


def test_every_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(name for extra in extras for name in extra)]
    names = {re.match(r"[A-Za-z0-9-]+", line)[0].lower() for line in asked}
    locked = set(re.findall(r"^([a-z0-9-]+)==", LOCK, flags=re.MULTILINE))
    assert names <= locked, f"run `make lock`: {sorted(names - locked)} are not in the lock"


def test_every_locked_file_has_a_hash_and_no_address_is_named():
    entries = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK


def test_the_environment_to_be_replaced_is_not_the_one_that_makes_the_next(tmp_path):
    """Activated, the old environment's Python comes first; it is deleted before the new is made."""
    shutil.copy(ROOT / "sparks", tmp_path)
    (tmp_path / "requirements.lock").write_text("changed")
    folders = [tmp_path / ".venv/bin", tmp_path / "system"]
    for folder in folders:
        folder.mkdir(parents=True)
        # A Python that is of the right version (-c) and makes no environments (-m).
        (folder / "python3.13").write_text('#!/bin/sh\n[ "$1" = -c ]\n')
        (folder / "python3.13").chmod(0o755)
    path = ":".join([*map(str, folders), "/usr/bin", "/bin"])
    done = subprocess.run(
        [tmp_path / "sparks", "true"], env={"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"{folders[1]}/python3.13 cannot make virtual environments" in done.stderr


def test_a_comment_of_the_lock_makes_no_new_environment(tmp_path):
    shutil.copy(ROOT / "sparks", tmp_path)
    (tmp_path / "requirements.lock").write_text("numpy==2.0\n    # via torch\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/requirements.lock").write_text("numpy==2.0\n    # via pandas\n")

    def call():
        environment = {"PATH": "/usr/bin:/bin", "SPARKS_PYTHON": "none", "HOME": str(tmp_path)}
        command = [tmp_path / "sparks", "true"]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    assert call().returncode == 0
    (tmp_path / "requirements.lock").write_text("numpy==2.1\n")
    assert "no Python 3.11, 3.12 or 3.13 found at none" in call().stderr


def test_versions_agree():
    import sparks

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    released = re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sparks.__version__ == project["version"] == cited[1] == released[0]


def test_extras_are_those_that_the_documents_name():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert {"workflow", "lens", "lipschitz", "timm", "slurm", "dev"} == set(extras)
    named = set()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for words in re.findall(r"(?:\.|sparks-xai)\[([\w, ]+)\]", path.read_text()):
            named |= {word.strip() for word in words.split(",")}
    assert named <= set(extras)
