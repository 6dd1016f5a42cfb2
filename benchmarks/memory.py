"""Peak memory of the engine in a process of its own: MASKS IMAGES → MB above the start."""

from __future__ import annotations

import resource
import sys

import torch

from benchmarks.cases import network
from sparks.engine import Engine, Grid


def peak_megabytes() -> float:
    """Peak resident memory of this process so far; on a GPU, peak memory allocated there."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


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
    before = peak_megabytes()
    engine.score(model, x, target, torch.rand(masks, 64), grid)
    print(peak_megabytes() - before)


if __name__ == "__main__":
    main()
