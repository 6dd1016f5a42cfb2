"""The whole smoke run on a GPU that is not there: `make gpu`.

Every rule that can use a GPU computes on a pretended one (tests/pretended_gpu.py), where tensors of
two devices do not meet. Every table must be that of a run on the CPU, byte for byte but for
measured times. Half an hour on two cores.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from chaos import check_whole, compare, tables
from conftest import Project
from smoke_on_slurm import timed

# The pretended GPU has no units for bfloat16, a CPU may have.
SMOKE = ("--cores", "2", "--config", "scale=smoke", "overrides=[training.precision=fp32]")


class OnGPU(Project):
    """A copy of the project whose jobs find a GPU."""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"PYTHONPATH": str(Path(__file__).parent / "pretended")}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        here, there = Project(Path(folder) / "here"), OnGPU(Path(folder) / "there")
        timed("on the CPU", here, *SMOKE)
        timed("on a pretended GPU", there, *SMOKE)
        compare(tables(here), tables(there))
        print(f"{check_whole(there)} artifacts are whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
