"""Peak memory of the engine in a process of its own: MASKS IMAGES → MB above the start."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.cases import network
from sparks.engine import Engine, Grid


def peak_rise(work: Callable[[], object]) -> float:
    """By how many MB the work raises the memory of this process; on a GPU, what it allocates there.

    The start of a process has a peak of its own, which may be higher: Linux forgets it on request.
    """
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    work()
    return (resident("VmHWM") - before) / 2**10


def resident(entry: str, process: int | str = "self") -> int:
    """Read the resident memory of a process, now (VmRSS) or at its peak (VmHWM), in kB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(entry)).split()[1])


def main() -> None:
    """Score images under masks, and print by how much the peak rose."""
    masks, images = int(sys.argv[1]), int(sys.argv[2])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, _ = network(device)
    x = torch.rand(images, 3, 64, 64)
    target = torch.zeros(images, dtype=torch.long)
    grid = Grid((8, 8), (64, 64))
    engine = Engine(batch_size=64)
    engine.score(model, x[:1], target[:1], torch.rand(64, 64), grid)  # libraries load their parts
    print(peak_rise(lambda: engine.score(model, x, target, torch.rand(masks, 64), grid)))


if __name__ == "__main__":
    main()
