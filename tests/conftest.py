"""Tests run on every core at once: one thread each, or they would wait for one another."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
