"""Files for contributors and for GitHub are valid, and the commands in them exist."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import sparks

ROOT = Path(__file__).resolve().parents[1]
GITHUB = ROOT / ".github"
# Jobs, and the programs beside them; this one makes files of the project itself.
SCRIPTS = sorted(set((ROOT / "scripts").glob("*.py")) - {ROOT / "scripts/make_environment_yml.py"})
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
# Programs that the machines of GitHub have.
HOSTED = {"cd", "gh", "python", "make"}


def steps(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text())["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def exists(command: str) -> None:
    """Check that a command's program, and each script, test and target that it names, is there."""
    for part in command.split("&&"):
        first, *words = shlex.split(part)
        if first == "./sparks":
            tool, words = words[0], words[1:]
            assert shutil.which(tool) or (Path(sys.prefix) / "bin" / tool).is_file(), command
        elif first.startswith("./"):
            assert (ROOT / first).is_file(), command
        else:
            assert first in HOSTED, command
        if first == "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
            assert words[0] in targets, command
        for word in words:
            if re.match(r"(tests|scripts|src)/", word):
                assert (ROOT / word).exists(), command


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_valid_and_run_commands_that_exist(path: Path) -> None:
    made = yaml.safe_load(path.read_text())
    assert made["name"] == path.stem
    assert True in made, "YAML reads the key `on` as true"
    assert "permissions" in made
    for step in steps(path):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
        else:
            for line in step["run"].splitlines():
                exists(line)


def test_continuous_integration_has_every_python_that_is_supported() -> None:
    jobs = yaml.safe_load((GITHUB / "workflows/ci.yml").read_text())["jobs"]
    supported = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', _project())
    assert supported
    first, end = map(int, supported.groups())
    assert jobs["tests"]["strategy"]["matrix"]["python"] == [f"3.{v}" for v in range(first, end)]


def test_other_files_of_github_are_valid() -> None:
    files = [*(GITHUB / "ISSUE_TEMPLATE").glob("*.yml"), GITHUB / "dependabot.yml"]
    files += [ROOT / ".snakemake-workflow-catalog.yml", ROOT / "CITATION.cff"]
    assert all(yaml.safe_load(path.read_text()) for path in files)
    assert (GITHUB / "pull_request_template.md").is_file()


@pytest.mark.parametrize(
    "page", ["CONTRIBUTING.md", "config/README.md", ".github/pull_request_template.md"]
)
def test_commands_and_links_of_pages_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    lines = re.findall(r"^((?:\./sparks|make) .*?)(?:  +#.*)?$", text, re.M)
    lines += re.findall(r"`((?:\./sparks|make) [^`]+)`", text)
    for line in lines:
        if line != "./sparks COMMAND":
            exists(line)
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_a_door(path: Path) -> None:
    """It defines `run` alone, of at most 20 statements besides imports: studies are elsewhere."""
    module = ast.parse(path.read_text("utf-8"))
    defined = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    assert [node.name for node in defined] in ([], ["run"])
    for run in defined:
        statements = [node for node in ast.walk(run) if isinstance(node, ast.stmt)]
        of_code = [s for s in statements if not isinstance(s, ast.Import | ast.ImportFrom)]
        assert len(of_code) - len([run, run.body[0]]) <= 20  # its header and docstring


def test_every_folder_of_the_configuration_is_explained() -> None:
    table = (ROOT / "config/README.md").read_text()
    folders = {path.name for path in (ROOT / "config").iterdir() if path.is_dir()}
    assert {name for name in folders if f"`{name}`" not in table} == set()


def test_the_site_has_every_document_and_every_package_and_asks_no_other_server() -> None:
    """That it builds strictly is what continuous integration finds: its tools are not locked."""
    made = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    docs = ROOT / made["docs_dir"]
    listed = set(re.findall(r"[\w/]+\.md", yaml.dump(made["nav"])))
    assert listed == {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    packages = {path.stem for path in (docs / "reference").glob("*.md")}
    assert set(sparks.__all__) - {"SparksError"} <= packages
    for name in packages:
        assert f"::: sparks.{name}\n" in (docs / f"reference/{name}.md").read_text()
    assert made["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css"} & set(made)


def test_the_wheel_holds_the_library_alone(tmp_path: Path) -> None:
    """Its name is free where packages are published; it is imported as `sparks`."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignored)
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    wheel = tmp_path / done.stdout.splitlines()[-1]
    assert wheel.name.startswith("sparks_xai-")
    held = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert held == {"sparks", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"}
    assert "sparks/py.typed" in zipfile.ZipFile(wheel).namelist()
    code = "import sparks; print(sparks.__file__, sparks.attribution.Sobol.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(wheel)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert str(wheel) in done.stdout
    assert "Sobol" in done.stdout


def _project() -> str:
    return (ROOT / "pyproject.toml").read_text()
