"""Every command line that README and docs print is one that runs.

By default each is read as the tool would read it: Snakemake's own parser, Hydra's composition, the
names of rules, scripts and targets of make. The nightly lane runs them, Snakemake's as dry runs.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from composed import composed
from PIL import Image

from sparks.io import save_tensors
from sparks_thesis.pipeline.compose import overrides_from

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
# What is not run, and why.
NOT_RUN = {
    "docker build": "needs Docker, and builds an image of 7 GB",
    "apptainer build": "needs Apptainer and that image",
    "snakemake --cores all --software-deployment-method conda": "needs conda",
    "export ": "sets a variable of the shell",
    "./sparks pytest": "the tests themselves",
    "./sparks pre-commit install": "writes a hook into the checkout",
    "./sparks uv pip install": "changes the environment",
    "./sparks python -m benchmarks.": "measures for minutes",
    "./sparks python -c": "fetches a data set: tests/data",
    "make verdicts": "three whole runs; the page: tests/thesis/overview/test_results_page.py",
    "./sparks python scripts/add_model.py": "writes a file: tests/pipeline/test_add_model.py",
}
MAKE = re.compile(r"`make ([\w-]+)`")
INLINE = re.compile(r"`(\./sparks [^`]+|snakemake [a-z_-][^`]*)`")


def printed() -> list[tuple[str, str]]:
    """Every command line of a page: its name, and the line without its comment."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        blocks = re.findall(r"^```(?:bash|sh|console)\n(.*?)^```", text, re.M | re.S)
        lines = [line for block in blocks for line in block.splitlines()]
        lines += INLINE.findall(re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
        for line in lines:
            command = re.sub(r"\s+#.*$", "", line).strip()
            if command and command != "./sparks COMMAND":
                found.append((page.name, command))
    return found


def arguments(command: str) -> list[str] | None:
    """The words of a command of Snakemake's, after its name; None for other commands."""
    if command.startswith("--config"):  # what is added to a command printed before
        command = f"./sparks snakemake --cores all {command}"
    words = shlex.split(command)
    words = words[1:] if words[0] == "./sparks" else words
    return words[1:] if words[0] == "snakemake" else None


def runnable() -> list[str]:
    lines = dict.fromkeys(command for _, command in printed())
    return [line for line in lines if not line.startswith(tuple(NOT_RUN))]


def rules() -> set[str]:
    files = [ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    named = re.compile(r"^ *(?:use rule job as|rule) (?!job)(\w+)(?: with)?:", re.MULTILINE)
    return {name for file in files for name in named.findall(file.read_text())}


def test_there_are_commands_and_every_exclusion_is_of_one() -> None:
    lines = [command for _, command in printed()]
    assert len(lines) > 20
    for start in NOT_RUN:
        assert any(line.startswith(start) for line in lines), start


@pytest.mark.parametrize("command", runnable())
def test_commands_are_read_as_they_are_meant(command: str) -> None:
    """A target must not be swallowed by an option before it, and every override must compose."""
    from snakemake.cli import get_argument_parser, parse_config

    words = arguments(command)
    if words is None:
        read_other(shlex.split(command))
        return
    parsed = get_argument_parser().parse_args(words)
    known = rules()
    for target in parsed.targets:
        assert target in known or target.startswith("results/"), target
    assert (parsed.cache or []) == [] or set(parsed.cache) <= known
    assert (parsed.forcerun or []) == [] or set(parsed.forcerun) <= known
    if parsed.workflow_profile:
        assert (ROOT / parsed.workflow_profile / "profile.yaml").is_file()
    composed(*overrides_from(parse_config(parsed.config)))


def read_other(words: list[str]) -> None:
    assert words[:2] == ["./sparks", "python"], words
    script, *overrides = words[2:]
    assert (ROOT / script).is_file()
    composed(*(override for override in overrides if not override.startswith("--")))


def test_targets_of_make_are_there() -> None:
    named = {name for page in PAGES for name in MAKE.findall(page.read_text("utf-8"))}
    there = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert named
    assert named <= there


# --- run ---------------------------------------------------------------------------------------


def written(page: str) -> dict[str, str]:
    """The files of configuration that a page prints in full, by the path named before them."""
    text = (ROOT / page).read_text("utf-8")
    return dict(
        re.findall(r"`(config/[\w/]+\.yaml)`[^\n]*\n(?:[^`\n]*\n)*\n*```yaml\n(.*?)```", text, re.S)
    )


NET = """
from torch import nn

class MyNet(nn.Sequential):
    def __init__(self, num_classes):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.rest = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes))
"""


@pytest.mark.nightly
def test_commands_run(make_project) -> None:
    """All of them in one project, which has the files that the pages tell the reader to write."""
    project = make_project("commands")
    files = written("README.md")
    assert {Path(name).stem for name in files} == {"mine"}
    assert {Path(name).parts[1] for name in files} == {"attribution", "model"}
    files["my_package.py"] = NET
    for name, text in files.items():
        (project.folder / name).write_text(text)
    sys.path.insert(0, str(project.folder))
    try:
        from my_package import MyNet
    finally:
        sys.path.pop(0)
    save_tensors(project.folder / "path/to/checkpoint.safetensors", MyNet(2).state_dict())
    (project.folder / "cache").mkdir()
    for name in "ab":  # images of one's own, which a command of the README explains
        project.folder.joinpath("data/folder", name).mkdir(parents=True)
        for i in range(12):
            where = project.folder / f"data/folder/{name}/{i}.png"
            Image.new("RGB", (24, 24), (20 * i, 0, 0)).save(where)
    environment = project.environment() | {"SNAKEMAKE_OUTPUT_CACHE": str(project.folder / "cache")}
    failed = []
    # Of commands that differ in the item alone, as those of the catalogue, one is planned.
    different = {re.sub(r"(results/\w+/)[\w-]+(?=\.\w+$)", r"\1", c): c for c in runnable()}
    for command in different.values():
        words = arguments(command)
        if words and "--report" in words:
            continue  # of a finished run: tests/workflow/test_run.py makes one
        if "apptainer" in command and not shutil.which("apptainer"):
            continue  # Snakemake refuses to plan without it
        if words is None:
            run = [sys.executable, *shlex.split(command)[2:]]
            run += [] if "--help" in run else ["--cfg", "job"]
        else:
            run = project.command(*words, "-n", "-q")  # -q would take a target for its own
        done = subprocess.run(
            run,
            cwd=project.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            failed.append(f"{command}\n{(done.stdout + done.stderr)[-1500:]}")
    assert not failed, "\n\n".join(failed)
