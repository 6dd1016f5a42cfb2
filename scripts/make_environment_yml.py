"""Write environment.yml, the same environment for conda users, from pyproject.toml.

The dependencies stay in pyproject.toml alone: conda gives Python and pip, pip installs the lock
that is made from it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment() -> str:
    """Return the text of environment.yml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return f"""\
# Made from pyproject.toml by `make lock`; do not edit.
#   conda env create -f environment.yml && conda activate {project["name"]}
#   pip install --no-deps --editable .
name: {project["name"]}
channels:
  - conda-forge
dependencies:
  - python {project["requires-python"]}
  - pip
  - pip:
      - --requirement requirements.lock
"""


if __name__ == "__main__":
    (ROOT / "environment.yml").write_text(environment())
