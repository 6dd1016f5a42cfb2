"""The nightly lane can start: nothing else would notice a test there that has lost its fixtures."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def test_every_nightly_test_finds_its_fixtures() -> None:
    marked = [
        path for path in TESTS.rglob("test_*.py") if "mark.nightly" in path.read_text("utf-8")
    ]
    marked.remove(Path(__file__))
    assert marked
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-m", "nightly", "--setup-plan", *marked],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
