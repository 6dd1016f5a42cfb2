"""The nightly lane's oracles: other libraries, in an environment of their own.

`make oracles` makes the environment in `.venv-oracles`; `SPARKS_ORACLES` names the Python of
another one. Without, these tests are skipped.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
PYTHON = Path(
    os.environ.get("SPARKS_ORACLES", HERE.parents[1] / ".venv-oracles" / "bin" / "python")
)


@pytest.fixture
def peer(tmp_path):
    """Ask a function of `peers.py`, by name, with arrays; it answers with arrays."""
    if not PYTHON.exists():
        pytest.skip(f"no environment of other libraries at {PYTHON}: make it by `make oracles`")

    def ask(name, library, **arrays):
        installed = f"from importlib.util import find_spec as f; exit(f({library!r}) is None)"
        if subprocess.run([PYTHON, "-c", installed], check=False).returncode:
            pytest.skip(f"{library} is not in the environment of {PYTHON}")
        given, got = tmp_path / "given.npz", tmp_path / "got.npz"
        np.savez(given, **arrays)
        done = subprocess.run(
            [PYTHON, HERE / "peers.py", name, given, got],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        with np.load(got) as answer:
            return {key: answer[key] for key in answer}

    return ask
