"""Random numbers that are the same on every device, made where they are needed.

Number i of a stream is a hash of a key and of i (SplitMix64: Steele, Lea and Flood 2014), in 64-bit
integers, whose arithmetic is the same everywhere. A GPU's own generator draws other numbers, and
those of the CPU's have to be brought there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# Of SplitMix64; as signed numbers, which PyTorch multiplies modulo 2^64.
_STEP, _ONE, _TWO = (
    n - 2**64 for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


def bits(n: int, key: int, device: torch.device | str) -> Tensor:
    """Return the first n numbers of a stream, int64 (n,), uniform over all 64-bit integers.

    Args:
        n: how many.
        key: names the stream, 0 … 2^63 - 1.
        device: where they are made.
    """
    z = torch.arange(1, n + 1, device=device).mul_(_STEP).add_(key)
    for shift, factor in ((30, _ONE), (27, _TWO)):
        z = z.bitwise_xor_(_shifted(z, shift)).mul_(factor)
    return z.bitwise_xor_(_shifted(z, 31))


def _shifted(z: Tensor, by: int) -> Tensor:
    """Shift to the right, with zeros from the left."""
    return (z >> by).bitwise_and_(2 ** (64 - by) - 1)


def uniform(shape: Sequence[int], key: int, device: torch.device | str) -> Tensor:
    """Return numbers in (-1, 1), float32 of a shape: the middles of 2^24 equal parts."""
    n = math.prod(shape)
    halves = bits((n + 1) // 2, key, device).view(torch.int32)[:n]
    return (halves >> 8).to(torch.float32).add_(0.5).mul_(2.0**-23).view(*shape)


def normal(shape: Sequence[int], key: int, device: torch.device | str) -> Tensor:
    """Return standard normal numbers, float32 of a shape: the quantiles of uniform ones."""
    return uniform(shape, key, device).erfinv_().mul_(math.sqrt(2))
