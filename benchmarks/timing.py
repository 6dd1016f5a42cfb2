"""Timing two things against each other on a machine that is never quite idle."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn


@dataclass(frozen=True)
class Ratio:
    """How many times longer the first takes than the second.

    Attributes:
        median: of the ratios of pairs that were timed one after the other.
        low: their first quartile.
        high: their third quartile.
        seconds: median time of the first.
    """

    median: float
    low: float
    high: float
    seconds: float


def seconds(work: Callable[[], object]) -> float:
    """Time one call; on a GPU, until it is really done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def ratio(first: Callable[[], object], second: Callable[[], object], repeats: int) -> Ratio:
    """Time the two alternately, after one unmeasured call of each, and compare pair by pair."""
    first(), second()
    pairs = np.array([(seconds(first), seconds(second)) for _ in range(repeats)])
    ratios = pairs[:, 0] / pairs[:, 1]
    low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return Ratio(float(median), float(low), float(high), float(np.median(pairs[:, 0])))


def bare_passes(
    model: nn.Module, example: torch.Tensor, forwards: int, backwards: int, size: int
) -> Callable[[], None]:
    """Return the floor of a method: the passes it needs, and nothing else.

    Args:
        model: in evaluation mode.
        example: one input (1, ...).
        forwards: inputs that only go forwards.
        backwards: inputs that go forwards and backwards to the input.
        size: inputs per batch.
    """
    batch = example.expand(size, *example.shape[1:]).contiguous()

    def work() -> None:
        with torch.inference_mode():
            for start in range(0, forwards, size):
                model(batch[: forwards - start])
        for start in range(0, backwards, size):
            x = batch[: backwards - start].clone().requires_grad_()
            torch.autograd.grad(model(x)[:, 0].sum(), x)

    return work


def best_size(model: nn.Module, example: torch.Tensor, backward: bool) -> int:
    """Find the batch size at which the bare passes are fastest, 256 passes each, best of three."""

    def cost(size: int) -> float:
        work = bare_passes(model, example, 0 if backward else 256, 256 if backward else 0, size)
        work()
        return min(seconds(work) for _ in range(3))

    return min((16, 32, 64, 128, 256), key=cost)
