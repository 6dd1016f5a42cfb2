"""What networks gain on a CPU from channels last and folded batch norms, when they are explained.

./sparks python -m benchmarks.folded              # two minutes on one core
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.cases import network
from benchmarks.gpu_check import Size, lite0, resnet50
from benchmarks.timing import ratio
from sparks.attribution import Saliency
from sparks.engine import Engine, Grid
from sparks.engine.memory import keep_freed_memory
from sparks.models.folded import channels_last_weights

# Network → side of its images, masked images in a call, images whose derivatives are taken.
CASES = {"EfficientNet-Lite0": (224, 64, 16), "ResNet-50": (224, 16, 4), "convnet": (64, 512, 128)}


class Plain(nn.Module):
    """A network that nobody knows to be a `Classifier`, so that it is called as it is."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images."""
        logits: Tensor = self.model(x)
        return logits


def measure(repeats: int) -> Iterator[dict[str, Any]]:
    """Yield rows: the time of a plain network over that of one as the workflow loads it."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "EfficientNet-Lite0": lambda: lite0(Size())[0],
        "ResNet-50": lambda: resnet50(Size())[0],
        "convnet": lambda: network(torch.device("cpu"))[0],
    }
    for name, (side, masked, derived) in CASES.items():
        plain = Plain(makers[name]())
        fast = deepcopy(plain.model)
        channels_last_weights(fast)
        x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        target = torch.zeros(derived, dtype=torch.int64)
        masks, grid = torch.rand(masked, 64), Grid((8, 8), (side, side))

        def score(model: nn.Module, x: Tensor, target: Tensor, masks: Tensor, grid: Grid) -> None:
            Engine(batch_size=64).score(model, x, target[:1], masks, grid)

        def derive(model: nn.Module, x: Tensor, target: Tensor) -> None:
            Saliency()(model, x.expand(len(target), -1, -1, -1), target)

        cases: dict[str, list[Callable[[], None]]] = {
            f"{masked} masked images": [
                partial(score, model, x, target, masks, grid) for model in (plain, fast)
            ],
            f"{derived} derivatives": [
                partial(derive, model, x, target) for model in (plain, fast)
            ],
        }
        for work, (slow, quick) in cases.items():
            measured = asdict(ratio(slow, quick, repeats))
            yield {
                "measure": "plain / folded, channels last",
                "what": name,
                "work": work,
            } | measured


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    keep_freed_memory()
    for row in measure(7):
        print(
            f"{row['what']}, {row['work']}: {row['median']:.2f} [{row['low']:.2f}, "
            f"{row['high']:.2f}]",
            flush=True,
        )


if __name__ == "__main__":
    main()
