"""Input of a simulated meta-predictor: an image as cells, and a map as attention to them.

People look of their own accord at what stands out, whether they are shown a map or not. So the
attention to a place is its salience times what the map says of it; without an explanation, it is
the salience alone.

The description of a cell is made by hand and knows neither the explained model nor its outputs:
colours, their spread, and edges. A learner that used the model's own features would know the
answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparks.attribution import BottomUp
from sparks.checks import between, whole
from sparks.errors import SparksError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class CellFeatures:
    """Describe every cell of an image by hand.

    Mean and standard deviation of each colour, and the energy of gradients in a few orientations.

    Attributes:
        grid: cells a side.
        orientations: bins of the gradient's orientation in [0, π).
    """

    grid: int = 8
    orientations: int = 4

    def __post_init__(self) -> None:
        whole(self, 1, "grid", "orientations")

    def __call__(self, images: Tensor) -> Floats:
        """Describe images (N, C, H, W) in [0, 1]: (N, grid², 2 C + orientations)."""
        x = images.float()
        mean, square = self._pooled(x), self._pooled(x**2)
        spread = (square - mean**2).clamp(min=0).sqrt()
        cells = torch.cat([mean, spread, self._pooled(self._edges(x.mean(1)))], 1)
        return cells.flatten(2).transpose(1, 2).contiguous().numpy()

    def _pooled(self, x: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x, self.grid)

    def _edges(self, grey: Tensor) -> Tensor:
        """Return the magnitude of the gradient by orientation, (N, orientations, H, W)."""
        dy, dx = torch.gradient(grey, dim=(1, 2))
        angle = torch.atan2(dy, dx) % math.pi
        bins = (angle / math.pi * self.orientations).long().clamp(max=self.orientations - 1)
        one_hot = torch.nn.functional.one_hot(bins, self.orientations).movedim(-1, 1)
        return one_hot * torch.hypot(dx, dy)[:, None]


def standardised(cells: Floats, like: Floats) -> Floats:
    """Shift and scale features (N, C, d) so that those of the images `like` have mean 0, spread 1.

    A feature that is the same in all of `like` becomes 0.
    """
    flat = like.reshape(-1, like.shape[-1])
    mean, spread = flat.mean(0), flat.std(0)
    scaled: Floats = np.where(spread > 1e-6, (cells - mean) / np.maximum(spread, 1e-6), 0)
    return scaled.astype(np.float32)


@dataclass(frozen=True)
class Gaze:
    """Natural gaze: people look of their own accord at what stands out from an image.

    Attributes:
        salience: of the places of an image, whatever a model makes of it.
        power: to which salience is raised; 0 for a gaze that rests everywhere alike.
    """

    salience: BottomUp = field(default_factory=BottomUp)
    power: float = 2.0

    def __post_init__(self) -> None:
        between(self, 0, math.inf, "power", ends=True)

    def __call__(self, images: Tensor) -> Tensor:
        """Return how much each place of images (N, C, H, W) is looked at, (N, H, W), mean 1."""
        stands_out = self.salience.of(images) ** self.power
        mean = stands_out.mean((1, 2), keepdim=True)
        return torch.where(mean > 0, stands_out / mean.clamp(min=1e-30), 1.0)


def attention(maps: Tensor, gaze: Tensor, grid: int) -> Floats:
    """Return the share of attention that each cell gets under maps, (N, grid²), sum 1.

    Only what speaks for the model's output counts: values below zero are taken for zero. A map
    without any positive value says nothing: people look where they would without it.

    Args:
        maps: (N, H, W).
        gaze: how much each place is looked at without a map, (N, H, W).
        grid: cells a side.

    Raises:
        SparksError: when a map holds NaN.
    """
    if torch.isnan(maps).any():
        raise SparksError("a map holds NaN: nobody can be shown it")
    marked = maps.float().clamp(min=0)
    silent = (marked * gaze).sum((1, 2), keepdim=True) <= 0
    heat = torch.where(silent, gaze, marked * gaze)[:, None]
    cells = torch.nn.functional.adaptive_avg_pool2d(heat, grid).flatten(1).double()
    return (cells / cells.sum(1, keepdim=True)).float().numpy()
