"""Speed and memory as ratios, measured side by side in one run: `make bench`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import harness  # noqa: F401  (puts the library on the path)
