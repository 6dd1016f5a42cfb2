"""The whole smoke run on a GPU that is not there: `make gpu`.

Every rule that can use a GPU computes on a pretended one (tests/pretended_gpu.py), where tensors of
two devices do not meet. Every table must be that of a run on the CPU: the same words, and the same
numbers but for their last digits and for measured times. Half an hour on two cores.
"""

from __future__ import annotations

import math
import re
import sys
import tempfile
from pathlib import Path

from chaos import check_whole, tables
from project import Project
from smoke_on_slurm import timed

# The pretended GPU has no units for bfloat16, a CPU may have.
SMOKE = ("--cores", "2", "--config", "scale=smoke", "overrides=[training.precision=fp32]")


class OnGPU(Project):
    """A copy of the project whose jobs find a GPU."""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"PYTHONPATH": str(Path(__file__).parent / "pretended")}


NUMBER = re.compile(r"(-?\d+\.\d+(?:e[+-]?\d+)?)")
LAST_DIGITS = 1e-5  # relative


def alike(expected: bytes, found: bytes) -> bool:
    """Whether two texts have the same words, and the same numbers but for the last digits."""
    # Every second part is a number.
    one, two = (NUMBER.split(text.decode()) for text in (expected, found))
    return one[::2] == two[::2] and all(
        math.isclose(float(a), float(b), rel_tol=LAST_DIGITS, abs_tol=1e-9)
        for a, b in zip(one[1::2], two[1::2], strict=True)
    )


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        here, there = Project(Path(folder) / "here"), OnGPU(Path(folder) / "there")
        timed("on the CPU", here, *SMOKE)
        timed("on a pretended GPU", there, *SMOKE)
        expected, found = tables(here), tables(there)
        names = expected.keys() | found.keys()
        lost = b"there is no such table"
        different = sorted(n for n in names if not alike(expected.get(n, lost), found.get(n, lost)))
        assert not different, f"tables that differ: {different}"
        same = sum(expected[name] == found[name] for name in names)
        print(
            f"{len(names)} files of tables: {same} the same byte for byte, the others to rounding"
        )
        print(f"{check_whole(there)} artifacts are whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
