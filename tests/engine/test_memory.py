"""Freed memory is reused: counted in page faults, in a process of its own."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource, torch
from sparks.engine.memory import keep_freed_memory
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def batch():
    torch.ones(12, 2**20) + 1  # two tensors of 48 MB, about 25,000 pages of 4 kB
for keep in (False, True):
    if keep:
        assert keep_freed_memory()
    for _ in range(5):
        batch()
    before = faults()
    for _ in range(5):
        batch()
    print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_batches_cause_page_faults_only_where_memory_is_not_kept():
    code = [sys.executable, "-c", CODE]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    freed, kept = map(int, done.stdout.split())
    assert kept < freed / 5
