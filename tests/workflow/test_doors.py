"""The workflow starts from anywhere: another folder, another workflow, a bare machine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sparks.data import ImageSet
from sparks.io import tensor_provenance

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).resolve().parents[2]
# What ./sparks, Snakemake and its plugin for Slurm call; git is not among it.
COMMANDS = ("bash", "sh", "env", "cat", "dirname", "cmp", "id", "mkdir", "which")


@pytest.fixture(scope="module")
def project(make_project):
    """A checkout in a folder with spaces and brackets."""
    project = make_project("my sparks (v2) ü")
    if not (ROOT / ".venv/requirements.lock").is_file():
        pytest.skip("./sparks has made no environment here")
    (project.folder / ".venv").symlink_to(ROOT / ".venv")
    return project


def test_a_bare_machine(project, tmp_path):
    """No git, no home to write to, an ASCII locale, and results in another folder with spaces."""
    commands, there = tmp_path / "bin", tmp_path / "other results"
    commands.mkdir()
    there.mkdir()
    for name in COMMANDS:
        if found := shutil.which(name):
            (commands / name).symlink_to(found)
    bare = {"PATH": str(commands), "HOME": "/proc/nowhere", "TMPDIR": str(tmp_path)}
    bare |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    target = "results/data/digits/test.safetensors"
    run = [str(project.folder / "sparks"), "snakemake", "--directory", str(there), "--cores", "1"]
    run += ["--config", "scale=smoke", "overrides=[experiment=[models]]", "--", target]
    done = subprocess.run(run, cwd=tmp_path, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(ImageSet.load(there / target)) > 100
    assert tensor_provenance(there / target)["commit"] == ""
    assert not (project.folder / "results").exists()


def test_a_module_of_another_workflow(project, tmp_path):
    """All that reads files of the project itself: pages, styles, published numbers."""
    (tmp_path / "Snakefile").write_text(
        f"""
module sparks:
    snakefile:
        {str(project.folder / "Snakefile")!r}
    config:
        {{"scale": "smoke", "overrides": ["experiment=[utility]"]}}


use rule * from sparks


rule mine:
    default_target: True
    input:
        rules.all.input,
"""
    )
    environment = os.environ | {"HOME": str(tmp_path)}
    run = project.command("--cores", "1", "-n", "mine", "lens", "study")
    done = subprocess.run(
        run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert all(rule in output for rule in ("utility_published", "lens_atlas", "study_scenario"))
    assert not list((tmp_path / "results").glob("*"))


def test_what_cannot_run_is_refused_and_nothing_is_written(project, tmp_path):
    run = project.command("-s", str(project.folder / "Snakefile"), "--cores", "1")
    run += [
        "--config",
        "scale=smoke",
        "overrides=[experiment=[words],+words.changes.rise.masks=-5]",
    ]
    done = subprocess.run(
        run, cwd=tmp_path, env=project.environment(), capture_output=True, text=True, check=False
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 1
    assert "words.explainers.RISE" in printed
    assert "Traceback" not in printed
    assert {path.name for path in tmp_path.iterdir()} <= {".snakemake"}


def test_a_deployed_copy_of_the_configuration_is_read(project, tmp_path):
    """As snakedeploy does it: a copy of config/, `configfile` on its first file, and a module."""
    shutil.copytree(project.folder / "config", tmp_path / "config")
    (tmp_path / "Snakefile").write_text(
        f"""
configfile: "config/config.yaml"


module sparks:
    snakefile:
        {str(project.folder / "workflow/Snakefile")!r}
    config:
        config


use rule * from sparks
"""
    )
    model = tmp_path / "config/model/convnet.yaml"
    (tmp_path / "config/model/mine.yaml").write_text(
        model.read_text().replace("name: convnet", "name: mine", 1)
    )
    chosen = "overrides=[experiment=[models],experiments.models.models=[mine]]"
    run = project.command("--cores", "1", "-n", "--config", "scale=smoke", chosen)
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run(
        run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert "/mine/0/weights.safetensors" in printed
    assert "Planned for scale smoke" in printed
