"""Input of a simulated meta-predictor: an image as cells, and a map as attention to them.

The description of a cell is made by hand and knows neither the explained model nor its outputs:
colours, their spread, and edges. A learner that used the model's own features would know the
answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparks.checks import whole
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


def attention(maps: Tensor, grid: int) -> Floats:
    """Turn maps (N, H, W) into the share of attention that each cell gets, (N, grid²), sum 1.

    Only what speaks for the model's output counts: values below zero are taken for zero. A map
    without any positive value says nothing: every cell gets the same.

    Raises:
        SparksError: when a map holds NaN.
    """
    if torch.isnan(maps).any():
        raise SparksError("a map holds NaN: nobody can be shown it")
    heat = torch.nn.functional.adaptive_avg_pool2d(maps.float().clamp(min=0)[:, None], grid)
    heat = heat.flatten(1).double()
    total = heat.sum(1, keepdim=True)
    shares = torch.where(total > 0, heat / total.clamp(min=1e-300), 1 / heat.shape[1])
    return shares.float().numpy()
