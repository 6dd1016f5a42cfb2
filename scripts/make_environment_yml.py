"""Write the files of conda's environments: conda gives Python, pip the rest.

All are made from pyproject.toml and its lock, which stay the only places where dependencies are
listed: environment.yml holds everything, workflow/envs/jobs.yaml what jobs need, and
workflow/envs/snakefile.yaml what the Snakefile needs beside Snakemake. The pins are spelled out,
not referred to, so that Snakemake can copy the files (`--sdm conda`).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HEAD = "# Made from pyproject.toml and requirements.lock by `make lock`; do not edit."
MANUAL = """
#   conda env create -f environment.yml && conda activate sparks
#   pip install --no-deps --editable .
name: sparks"""
# Extras of pyproject.toml that jobs import, less what starts jobs and what serves the Lens page.
EXTRAS = ("workflow", "lens", "lipschitz", "timm")
NO_JOB = {"snakemake", "flask"}
# What the Snakefile imports of the library's dependencies, to plan and to make a report; with it,
# it imports those of the extra `workflow` but what draws figures.
SNAKEFILE = {"numpy", "pandas", "pillow", "pyarrow", "safetensors"}
NO_PLAN = {"snakemake", "seaborn"}


def project() -> dict[str, Any]:
    """Return the table `project` of pyproject.toml."""
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])


def names_of(requirements: Iterable[str]) -> set[str]:
    """Return the names of packages in requirements such as `torch>=2.7`."""
    return {re.split(r"[^A-Za-z0-9-]", line)[0].lower() for line in requirements}


def pins(wanted: set[str] | None = None) -> list[str]:
    """List the pins of the lock: all, or those of some packages and of all that these need.

    An entry of the lock is a line such as `name==version ; marker`, its hashes, and comments that
    name the packages which need it.
    """
    lock = (ROOT / "requirements.lock").read_text()
    entries = [entry.splitlines() for entry in re.split(r"^(?=[a-z0-9])", lock, flags=re.M)[1:]]
    if wanted is None:
        wanted = names_of(lines[0] for lines in entries)
    before: set[str] = set()
    while before != wanted:
        before = wanted
        wanted = before | {
            name
            for lines in entries
            for name in names_of(lines[:1])
            if before & {line.split()[-1] for line in lines if line.startswith("    # ")}
        }
    chosen = (lines[0].rstrip(" \\") for lines in entries if names_of(lines[:1]) <= wanted)
    return list(chosen)


def environment(wanted: set[str] | None, opening: str, python: bool = True) -> str:
    """Return the text of an environment file.

    Args:
        wanted: as in `pins`.
        opening: lines after the first.
        python: whether the versions of Python are named.
    """
    version = [f"  - python {project()['requires-python']}"] if python else []
    lines = [f"      - {json.dumps(pin)}" for pin in pins(wanted)]
    head = [HEAD + opening, "channels:", "  - conda-forge", "dependencies:"]
    return "\n".join([*head, *version, "  - pip", "  - pip:", *lines, ""])


def environments() -> dict[str, str]:
    """Return the text of every environment file, by its path."""
    extras = project()["optional-dependencies"]
    listed = [*project()["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    planning = SNAKEFILE | names_of(extras["workflow"]) - NO_PLAN
    # To these, Snakemake adds its own version of Python.
    return {
        "environment.yml": environment(None, MANUAL),
        "workflow/envs/jobs.yaml": environment(names_of(listed) - NO_JOB, ""),
        "workflow/envs/snakefile.yaml": environment(planning, "", python=False),
    }


if __name__ == "__main__":
    for path, text in environments().items():
        (ROOT / path).write_text(text)
