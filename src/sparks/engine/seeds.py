"""Random numbers that belong to an input, not to its place in a batch."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor


def generators(x: Tensor, seed: int) -> list[torch.Generator]:
    """One CPU generator per input of `x` (N, ...), seeded by `seed` and by the input's content.

    Then a result for an image is the same whichever images are explained with it, in any order.
    """
    return [_generator(row, seed) for row in x.detach().cpu().contiguous()]


def _generator(row: Tensor, seed: int) -> torch.Generator:
    content = hashlib.blake2b(row.contiguous().numpy().tobytes(), digest_size=8).digest()
    entropy = [seed, int.from_bytes(content, "little")]
    state = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state)
