"""Is it faster to train the networks of all folds together? In one process, and vectorised.

python -m benchmarks.folds NETWORKS    # trains so many, for timing a process from outside
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.timing import ratio
from sparks.data import ImageSet
from sparks.models import Classifier, ConvNet, seeded
from sparks.models.lipschitz import LipschitzConvNet
from sparks.training import Settings, fit, fit_ensemble

ROOT = Path(__file__).resolve().parents[1]
FOLDS = 5
SETTINGS = Settings(epochs=2, batch_size=16, precision="fp32", validation=0.0)


@dataclass(frozen=True)
class Case:
    """A network and training images without one fold, of which only the shape matters here."""

    channels: int
    size: int
    images: int
    net: Callable[[int, int], nn.Module]

    def networks(self, number: int) -> list[Classifier]:
        """Networks with different initial weights."""

        def one(seed: int) -> Classifier:
            with seeded(seed):
                return Classifier(self.net(self.channels, self.size), self.channels)

        return [one(seed) for seed in range(number)]

    def train(self) -> ImageSet:
        """Images of ten classes."""
        generator = torch.Generator().manual_seed(0)
        shape = (self.images, self.channels, self.size, self.size)
        pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        return ImageSet(torch.arange(self.images) % 10, tuple("abcdefghij"), images=pixels)


def _convnet(channels: int, size: int) -> nn.Module:
    return ConvNet(channels, 10, size, [16, 32])


def _unconstrained(channels: int, size: int) -> nn.Module:
    return LipschitzConvNet(channels, 10, size, [16, 32, 32], [64], constrained=False)


# What the default run trains on folds, where vmap can; hkr_convnet is re-parametrised.
CASES = {
    "digits, convnet": Case(1, 8, 1150, _convnet),
    "digits, hkr_convnet_unconstrained": Case(1, 8, 1150, _unconstrained),
    "chimera_hard, convnet": Case(3, 32, 480, _convnet),
}


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table; a ratio above 1 says that the second way is faster."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # those of the workflow's job
    for name, case in CASES.items():
        data = [case.train()] * FOLDS
        found = ratio(partial(_alone, case, data), partial(_together, case, data), repeats)
        what = f"{FOLDS} networks, {name}, {SETTINGS.epochs} epochs of {case.images} images"
        yield _row("training, one by one / vectorised", what, found)
    torch.set_num_threads(threads)
    found = ratio(partial(_processes, FOLDS, 1), partial(_processes, 1, FOLDS), min(3, repeats))
    what = f"{FOLDS} networks, {name}, {SETTINGS.epochs} epochs of {case.images} images"
    yield _row("training, a process each / one process", what, found)


def _alone(case: Case, data: list[ImageSet]) -> None:
    for seed, (model, train) in enumerate(zip(case.networks(FOLDS), data, strict=True)):
        fit(model, train, None, SETTINGS, seed)


def _together(case: Case, data: list[ImageSet]) -> None:
    fit_ensemble(case.networks(FOLDS), data, SETTINGS, range(FOLDS))


def _processes(processes: int, networks: int) -> None:
    command = [sys.executable, "-m", "benchmarks.folds", str(networks)]
    for _ in range(processes):
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def _row(measure: str, what: str, found: Any) -> dict[str, Any]:
    return {"measure": measure, "what": what, "work": "training"} | asdict(found)


def main() -> None:
    """Train networks one after the other."""
    case = CASES["chimera_hard, convnet"]
    train = case.train()
    for seed, model in enumerate(case.networks(int(sys.argv[1]))):
        fit(model, train, None, SETTINGS, seed)


if __name__ == "__main__":
    main()
