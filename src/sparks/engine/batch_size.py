"""Find the batch size at which a model is fastest. The largest that fits rarely is."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

_found: WeakKeyDictionary[Callable[[Tensor], Tensor], dict[Hashable, int]] = WeakKeyDictionary()


def find_batch_size(
    model: Callable[[Tensor], Tensor],
    forward: Callable[[Tensor], Tensor],
    example: Tensor,
    largest: int,
    settings: Hashable,
) -> int:
    """Time forward passes of 16, 32, 64, … inputs and return the size with the best rate.

    Args:
        model: the answer is remembered as long as this object lives.
        forward: what is timed.
        example: one input (1, ...), on its device and in its memory format.
        largest: the bound on the batch size.
        settings: what else the answer depends on (precision, memory format).
    """
    key = (tuple(example.shape), example.dtype, example.device, largest, settings)
    known = _found.setdefault(model, {})
    if key not in known:
        known[key] = _probe(forward, example, largest)
    return known[key]


def _probe(forward: Callable[[Tensor], Tensor], example: Tensor, largest: int) -> int:
    best, best_rate = min(16, largest), 0.0
    size = best
    while size <= largest:
        try:
            rate = _rate(forward, example, size)
        except torch.cuda.OutOfMemoryError:
            break
        # A larger batch costs memory, so it must be clearly faster.
        if rate > 1.03 * best_rate:
            best, best_rate = size, rate
        elif rate < 0.8 * best_rate:
            break
        size *= 2
    return best


def _rate(forward: Callable[[Tensor], Tensor], example: Tensor, size: int) -> float:
    """Return inputs per second, the best of three passes after one warm-up pass."""
    batch = example.expand(size, *example.shape[1:]).clone()
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        forward(batch)
        if example.device.type == "cuda":
            torch.cuda.synchronize(example.device)
        seconds.append(time.perf_counter() - start)
    return size / min(seconds[1:])
