"""Peak memory of a stretch of work, in a process of its own (a peak never goes down)."""

import subprocess
import sys

PROGRAM = """
import torch
from sparks.models.peak import PeakMemory
peak = PeakMemory(torch.device("cpu"))
assert peak.megabytes() < 20, peak.megabytes()
x = torch.ones(200 * 2**18)  # 200 MB
first = peak.megabytes()
del x
print(first, peak.megabytes())
"""


def test_peak_is_what_was_allocated_at_most():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    first, after = map(float, done.stdout.split())
    assert 195 < first < 230
    assert abs(after - first) < 2  # the kernel counts in batches of pages
