"""EVA: an image with all its 144 cells, by bound and network, against what else it could cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.memory import peak_rise
from benchmarks.timing import ratio
from sparks.attribution import EVA, Greedy
from sparks.models import MLP, Classifier, ConvNet
from sparks.verification import Attack

PRECISIONS = ("float64", "float32")
SIZE = 28  # pixels a side: 12 cells do not divide it
BOUNDS = {
    "dense": ("ibp", "forward", "backward", "ibp+forward+backward"),
    "small convolutional": ("ibp", "forward", "backward", "ibp+backward", "ibp+forward+backward"),
}


def network(name: str) -> nn.Module:
    """Build a network with random weights for grey images: it costs what a trained one does."""
    torch.manual_seed(0)
    net = MLP(1, 10, SIZE) if name == "dense" else ConvNet(1, 10, SIZE, (8,))
    return Classifier(net, 1).eval()


def image() -> tuple[torch.Tensor, torch.Tensor]:
    """One image and its class."""
    x = torch.rand(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return x, torch.zeros(1, dtype=torch.int64)


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Yield times of EVA over the bare pass and over Greedy-AS's, and its peak memory.

    Each in both precisions: float64 is EVA's default, float32 that of `eva_conv` and `eva_hybrid`.
    """
    x, target = image()
    for name, bounds in BOUNDS.items():
        model = network(name)

        def bare(model: nn.Module = model) -> None:
            with torch.inference_mode():
                model(x)

        for bound, precision in product(bounds, PRECISIONS):
            explain = partial(EVA(bound=bound, precision=precision), model, x, target)
            measured = ratio(explain, bare, repeats)
            work = f"{bound}, {precision}, 144 cells, {1000 * measured.seconds:.0f} ms"
            yield {"measure": "EVA / bare pass", "what": name, "work": work} | asdict(measured)
        # 100 steps as in its own paper (Hsieh et al. 2021, section 5); the rest is not published.
        greedy = Greedy(rounds=6, subsets=200, attack=Attack(steps=100), bisections=5)
        rival = partial(greedy, model, x, target)
        for precision in PRECISIONS:
            explain = partial(EVA(precision=precision), model, x, target)
            measured = ratio(rival, explain, 2)
            work = f"6 rounds of 200 subsets, 5 bisections of 100 steps; EVA in {precision}"
            yield {"measure": "Greedy-AS / EVA", "what": name, "work": work} | asdict(measured)
            command = [sys.executable, "-m", "benchmarks.eva", name, precision]
            root = Path(__file__).resolve().parents[1]
            done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
            work = f"combined bound, {precision}, 144 cells"
            yield {"measure": "peak memory of EVA, MB", "what": name, "work": work} | {
                "median": float(done.stdout)
            }


def main() -> None:
    """Print by how many MB an explanation raises the peak memory of this process."""
    model, (x, target) = network(sys.argv[1]), image()
    EVA(bound="ibp", grid=2)(model, x, target)  # libraries load their parts
    print(peak_rise(lambda: EVA(precision=sys.argv[2])(model, x, target)))


if __name__ == "__main__":
    main()
