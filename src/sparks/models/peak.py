"""Peak memory of a piece of work."""

from __future__ import annotations

import re
import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

MEGABYTE = 2**20


@dataclass
class PeakMemory:
    """Peak memory of a piece of work, from the construction of this object on.

    On a GPU it is the largest memory that PyTorch allocated. On a CPU it is the growth of the
    process's resident memory to its peak; what was freed before, but kept by the process, is not
    counted.

    Attributes:
        device: where the work is done.
    """

    device: torch.device

    def __post_init__(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        with suppress(OSError):  # Linux: let the peak begin at what is resident now
            Path("/proc/self/clear_refs").write_text("5")
        self._before = _peak_resident()

    def megabytes(self) -> float:
        """Return the peak so far, in units of 2²⁰ bytes."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / MEGABYTE
        return (_peak_resident() - self._before) / MEGABYTE


def _peak_resident() -> int:
    """Return the largest number of bytes that the process had resident.

    Linux says it in /proc; its `ru_maxrss` starts at the peak of the parent process. Elsewhere it
    is `ru_maxrss`, which macOS counts in bytes.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    return int(found[1]) * 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
