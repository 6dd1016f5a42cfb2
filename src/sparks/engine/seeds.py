"""Random numbers that belong to an input, not to its place in a batch."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


def generators(x: Tensor, seed: int) -> list[torch.Generator]:
    """Return one CPU generator per input of `x` (N, ...), seeded by `seed` and the content.

    Then a result for an image is the same whichever images are explained with it, in any order.
    """
    return [_generator(row, seed) for row in x.detach().cpu().contiguous()]


def _generator(row: Tensor, seed: int) -> torch.Generator:
    bits = row.contiguous().reshape(-1).view(torch.uint8)  # numpy has no bfloat16
    content = hashlib.blake2b(bits.numpy().tobytes(), digest_size=8).digest()
    entropy = [seed, int.from_bytes(content, "little")]
    state = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state)


@contextmanager
def global_generators(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators of PyTorch, NumPy and Python, and restore their states afterwards.

    Args:
        seed: not negative.
        device: a GPU's generator is seeded too.
    """
    devices = [device] if device.type == "cuda" else []
    numbers, python = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            random.seed(seed)
            yield
    finally:
        np.random.set_state(numbers)  # noqa: NPY002
        random.setstate(python)
