"""Write environment.yml, the same environment for conda users: conda gives Python, pip the rest.

Made from pyproject.toml and its lock, which stay the only places where dependencies are listed. The
pins are spelled out, not referred to, so that Snakemake can copy the file (`--sdm conda`).
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "sparks"  # of the environment


def environment() -> str:
    """Return the text of environment.yml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (ROOT / "requirements.lock").read_text()
    # `name==version ; marker \` opens each entry of the lock; its hashes follow, indented.
    pins = re.findall(r"^([a-z0-9].*?==.*?) ?\\?$", lock, flags=re.MULTILINE)
    lines = "\n".join(f"      - {json.dumps(pin)}" for pin in pins)
    return f"""\
# Made from pyproject.toml and requirements.lock by `make lock`; do not edit.
#   conda env create -f environment.yml && conda activate {NAME}
#   pip install --no-deps --editable .
name: {NAME}
channels:
  - conda-forge
dependencies:
  - python {project["requires-python"]}
  - pip
  - pip:
{lines}
"""


if __name__ == "__main__":
    (ROOT / "environment.yml").write_text(environment())
