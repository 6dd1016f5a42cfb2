"""Linear networks of three folds, whose gradients are known, and 30 images."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from sparks.data import ImageSet
from sparks.stability.compare import Compared, compare
from sparks.stability.distances import Distances

K, SIZE = 3, 16
FOLDS = torch.arange(30) // 2 % K


class Linear(nn.Module):
    """Logits of a seeded linear map."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(2, SIZE**2, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T


def images(n: int = 30) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (n, 1, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return ImageSet(labels=torch.arange(n) % 2, classes=("a", "b"), images=pixels)


def gradient(model: Any, x: Tensor, target: Tensor) -> Tensor:
    return model.weight[target].reshape(-1, SIZE, SIZE)


def shards(
    seeds: list[int], method: Any, metrics: Any = (), shard: int = 4, **more: Any
) -> Iterator[Compared]:
    """Compare the networks of these seeds by a method, or by one for each network."""
    models = [Linear(seed).eval() for seed in seeds]
    methods = method if isinstance(method, list) else [method] * K
    chosen = torch.arange(30)
    return compare(
        models, methods, images(), FOLDS, chosen, Distances(), metrics, shard=shard, **more
    )
