"""Sensitivity of the distances to known changes: a spot that moves, and a map under noise."""

from __future__ import annotations

import torch
from torch import Tensor

from sparks.stability.distances import Distances

SIZE = 32  # pixels a side
STEPS = 100  # of the shift
SPOT = 2.0  # standard deviation of the spot, in pixels
EDGE = 0.01  # values below are 0, so that there is a background
MARGIN = 7  # columns between the spot's centre and the image's edge: it is never cut
REPEATS = 50  # of the noise


def pixels() -> list[float]:
    """Return the displacements of the spot, in pixels."""
    travel = SIZE - 1 - 2 * MARGIN
    return [travel * step / (STEPS - 1) for step in range(STEPS)]


def shifts(distances: Distances) -> dict[str, Tensor]:
    """Move a spot over an image from left to right, and compare with where it started.

    The paper moves "a point"; its size is unknown. Of two single pixels most distances say only
    whether they are the same one, so this is a spot.

    Returns:
        name of the distance → (STEPS,), at the shifts of `pixels`.
    """
    maps = torch.stack([_spot(MARGIN + shift) for shift in pixels()])
    return _of(distances, maps[:1].expand_as(maps), maps)


def noises(distances: Distances, deviations: list[float], seed: int = 0) -> dict[str, Tensor]:
    """Compare a spot in the middle with itself under Gaussian noise.

    Args:
        distances: all of them.
        deviations: standard deviations of the noise; the spot's peak is 1.
        seed: of the noise, which is the same at every deviation but for its size.

    Returns:
        name of the distance → (deviations, `REPEATS`).
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(REPEATS, SIZE, SIZE, generator=generator, dtype=torch.float64)
    clean = _spot((SIZE - 1) / 2).expand_as(noise)
    rows = [_of(distances, clean, clean + deviation * noise) for deviation in deviations]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def _spot(x: float) -> Tensor:
    """Return a Gaussian at row (SIZE - 1) / 2 and column x: (SIZE, SIZE), peak 1, zero far away."""
    places = torch.arange(SIZE, dtype=torch.float64)
    row, column = places - (SIZE - 1) / 2, places - x
    values: Tensor = (-(row[:, None] ** 2 + column[None] ** 2) / (2 * SPOT**2)).exp()
    return torch.where(values < EDGE, 0, values)


def _of(distances: Distances, a: Tensor, b: Tensor) -> dict[str, Tensor]:
    values = distances(a, b)
    values.pop("flag")
    return values
