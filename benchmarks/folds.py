"""Is it faster to train the networks of all folds together? In one process, and vectorised.

python -m benchmarks.folds NETWORKS    # trains so many, for timing a process from outside
"""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state
from torch.nn import functional as F

from benchmarks.timing import ratio
from sparks.models import Classifier, ConvNet, seeded
from sparks.training import Settings, fit

ROOT = Path(__file__).resolve().parents[1]
FOLDS = 5
# Channels, side and batch: those of digits, and of chimera_hard, at scale laptop.
SHAPES = {"8 × 8 grey": (1, 8, 16), "32 × 32 colour": (3, 32, 16)}


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table; a ratio above 1 says that the second way is faster."""
    for name, (channels, size, batch) in SHAPES.items():
        alone, together = steps(channels, size, batch)
        found = ratio(alone, together, repeats)
        what = f"{FOLDS} networks, {name}, batches of {batch}"
        yield {"measure": "training step, one by one / vmap", "what": what, "work": "one step"} | (
            asdict(found)
        )
    found = ratio(partial(_processes, FOLDS, 1), partial(_processes, 1, FOLDS), min(3, repeats))
    what = f"{FOLDS} networks, {name}, 2 epochs of 400 images"
    yield {
        "measure": "training, a process each / one process",
        "what": what,
        "work": "training",
    } | (asdict(found))


def steps(channels: int, size: int, batch: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """A training step of every network: one after the other, and in one vectorised pass."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(FOLDS, batch, channels, size, size, generator=generator)
    y = torch.randint(10, (FOLDS, batch), generator=generator)
    models = [_network(channels, size, seed) for seed in range(FOLDS)]
    optimizers = [torch.optim.AdamW(model.parameters()) for model in models]

    def alone() -> None:
        for model, optimizer, images, labels in zip(models, optimizers, x, y, strict=True):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    stacked, buffers = stack_module_state(copy.deepcopy(models))  # type: ignore[arg-type]
    base = _without_channels_last(copy.deepcopy(models[0]).to("meta"))
    weights = {name: w.detach().requires_grad_() for name, w in stacked.items()}
    optimizer = torch.optim.AdamW(weights.values())

    def loss(weights: Any, buffers: Any, images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(base, (weights, buffers), (images,)), labels)

    def together() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.vmap(loss)(weights, buffers, x, y).sum().backward()
        optimizer.step()

    return alone, together


def _without_channels_last(model: Classifier) -> Classifier:
    """Leave out the change of memory layout, which vmap refuses."""

    def forward(net: ConvNet, x: Tensor) -> Tensor:
        logits: Tensor = net.head(net.flatten(net.pool(net.stages(net.stem(x)))))
        return logits

    model.net.forward = MethodType(forward, model.net)
    return model


def _network(channels: int, size: int, seed: int) -> Classifier:
    with seeded(seed):
        return Classifier(ConvNet(channels, 10, size, [16, 32]), channels)


def _processes(processes: int, networks: int) -> None:
    command = [sys.executable, "-m", "benchmarks.folds", str(networks)]
    for _ in range(processes):
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def main() -> None:
    """Train networks one after the other."""
    from sparks.data import ImageSet

    channels, size, batch = SHAPES["32 × 32 colour"]
    pixels = torch.zeros(400, channels, size, size, dtype=torch.uint8)
    images = ImageSet(torch.arange(400) % 10, tuple("abcdefghij"), images=pixels)
    settings = Settings(epochs=2, batch_size=batch, validation=0.0)
    for seed in range(int(sys.argv[1])):
        fit(_network(channels, size, seed), images, None, settings, seed)


if __name__ == "__main__":
    main()
