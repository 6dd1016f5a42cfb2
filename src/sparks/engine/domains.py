"""Domains: what a feature is. They spread masks over inputs and importances over maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from sparks.errors import SparksError


class Domain(Protocol):
    """Where d features are in an input."""

    @property
    def d(self) -> int:
        """Number of features."""

    def expand(self, masks: Tensor) -> Tensor:
        """Spread masks (b, d) so that they multiply inputs: (b, 1, H, W), or (b, d)."""


class Features(Domain, Protocol):
    """A domain whose features stay in place, so that importances have a map."""

    def to_map(self, importance: Tensor) -> Tensor:
        """Spread importances (N, d) over the input: (N, H, W), or (N, d)."""

    def pool(self, maps: Tensor) -> Tensor:
        """Mean of maps (N, H, W) or (N, d) over each feature: (N, d)."""


@dataclass(frozen=True)
class Grid:
    """Rectangular cells of an image of `size` (H, W), `cells` (rows, columns) of them.

    Attributes:
        mode: how masks are upsampled, "nearest" (sharp cells) or "bilinear".
        resize: how importances become a map, "nearest", "bilinear" or "bicubic".
    """

    cells: tuple[int, int]
    size: tuple[int, int]
    mode: str = "nearest"
    resize: str = "bicubic"

    def __post_init__(self) -> None:
        if any(not 1 <= c <= s for c, s in zip(self.cells, self.size, strict=True)):
            raise SparksError(
                f"grid {self.cells[0]}x{self.cells[1]} does not fit an image of "
                f"{self.size[0]}x{self.size[1]} pixels: choose 1 … {min(self.size)} cells a side"
            )

    @property
    def d(self) -> int:
        """Number of cells."""
        return self.cells[0] * self.cells[1]

    def expand(self, masks: Tensor) -> Tensor:
        """Upsample masks (b, d) to (b, 1, H, W)."""
        down, across = (
            _weights(cells, length, self.mode, masks.device)
            for cells, length in zip(self.cells, self.size, strict=True)
        )
        return (down @ (masks.reshape(-1, *self.cells) @ across.T)).unsqueeze(1)

    def to_map(self, importance: Tensor) -> Tensor:
        """Upsample importances (N, d) to (N, H, W)."""
        cells = importance.float().reshape(-1, 1, *self.cells)
        return _resize(cells, self.size, self.resize)[:, 0]

    def pool(self, maps: Tensor) -> Tensor:
        """Mean of maps (N, H, W) over the pixels of each cell (those of mode "nearest")."""
        numbers = torch.arange(self.d, dtype=torch.float32, device=maps.device)
        owner = _resize(numbers.view(1, 1, *self.cells), self.size, "nearest").long().flatten()
        area = torch.bincount(owner, minlength=self.d)
        sums = maps.new_zeros(len(maps), self.d).index_add_(1, owner, maps.flatten(1))
        return sums / area


@dataclass(frozen=True)
class ShiftedGrid:
    """Cells under a grid that is moved at random, as RISE does: no cell border stays in place.

    A mask has rows * columns cells followed by two numbers in [0, 1], the vertical and the
    horizontal shift in units of a cell. Upsampling is bilinear.
    """

    cells: tuple[int, int]
    size: tuple[int, int]

    @property
    def d(self) -> int:
        """Number of cells, plus two for the shift."""
        return self.cells[0] * self.cells[1] + 2

    def expand(self, masks: Tensor) -> Tensor:
        """Upsample masks (b, d) to one cell more than the image, and cut the image out."""
        cells = masks[:, :-2].reshape(-1, *self.cells)
        down, across = (
            self._moved(masks[:, axis - 2], self.cells[axis], self.size[axis]) for axis in (0, 1)
        )
        return (down @ (cells @ across.mT)).unsqueeze(1)

    @staticmethod
    def _moved(shift: Tensor, cells: int, length: int) -> Tensor:
        """Weights (b, length, cells) of the cells for each pixel, moved by `shift` (b,) cells."""
        step = -(-length // cells)
        start = (shift * step).round().long()
        pixels = start[:, None] + torch.arange(length, device=shift.device)
        return _weights(cells, length + step, "bilinear", shift.device)[pixels]


@dataclass(frozen=True)
class Pixels:
    """Every pixel of an image of `size` (H, W)."""

    size: tuple[int, int]

    @property
    def d(self) -> int:
        """Number of pixels."""
        return self.size[0] * self.size[1]

    def expand(self, masks: Tensor) -> Tensor:
        """Shape masks (b, H * W) to (b, 1, H, W)."""
        return masks.reshape(-1, 1, *self.size)

    def to_map(self, importance: Tensor) -> Tensor:
        """Shape importances (N, H * W) to (N, H, W)."""
        return importance.float().reshape(-1, *self.size)

    def pool(self, maps: Tensor) -> Tensor:
        """Flatten maps (N, H, W) to (N, H * W)."""
        return maps.flatten(1)


@dataclass(frozen=True)
class Vector:
    """The coordinates of a vector: concept coefficients (N, d), or the words of a text (N, d)."""

    d: int

    def expand(self, masks: Tensor) -> Tensor:
        """Masks (b, d) fit as they are."""
        return masks

    def to_map(self, importance: Tensor) -> Tensor:
        """Importances (N, d) are the map."""
        return importance.float()

    def pool(self, maps: Tensor) -> Tensor:
        """Maps (N, d) have one value a feature."""
        return maps


@dataclass(frozen=True)
class Rows:
    """The rows of a matrix, each removed as a whole: a concept (N, d, L) at L places at once."""

    d: int

    def expand(self, masks: Tensor) -> Tensor:
        """Shape masks (b, d) to (b, d, 1)."""
        return masks.unsqueeze(2)

    def to_map(self, importance: Tensor) -> Tensor:
        """Importances (N, d) are the map."""
        return importance.float()

    def pool(self, maps: Tensor) -> Tensor:
        """Maps (N, d) have one value a feature."""
        return maps


def cells_of(x: Tensor, grid: int, mode: str = "nearest", resize: str = "bicubic") -> Features:
    """Choose the features of inputs: `grid` x `grid` cells of images, rows of all else.

    Args:
        x: images (N, C, H, W); vectors or token numbers (N, d), or concepts at places (N, d, L),
            where `grid` has no effect.
        grid: cells a side.
        mode: see `Grid`.
        resize: see `Grid`.
    """
    if x.ndim == 4:
        return Grid((grid, grid), (x.shape[2], x.shape[3]), mode, resize)
    return vector_of(x)


def elements_of(x: Tensor) -> Features:
    """Choose the finest features of inputs: pixels of images, coordinates of vectors."""
    return Pixels((x.shape[2], x.shape[3])) if x.ndim == 4 else vector_of(x)


def vector_of(x: Tensor) -> Vector | Rows:
    """The coordinates of inputs (N, d), the rows of inputs (N, d, L)."""
    if x.ndim not in (2, 3):
        raise SparksError(
            f"inputs of shape {tuple(x.shape)} cannot be masked: images are (N, C, H, W), "
            "vectors and texts are (N, d), concepts at places (N, d, L)"
        )
    return Vector(x.shape[1]) if x.ndim == 2 else Rows(x.shape[1])


def _resize(values: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    smooth = None if mode == "nearest" else False
    return functional.interpolate(values, size=size, mode=mode, align_corners=smooth)


def _weights(cells: int, length: int, mode: str, device: torch.device) -> Tensor:
    """Weight (length, cells) of each cell for each pixel along one axis of an image.

    Upsampling a grid m is then A m Bᵀ, many times faster on a CPU than `interpolate`.
    """
    identity = torch.eye(cells, device=device)[:, None]
    return functional.interpolate(identity, length, mode=_LINEAR.get(mode, mode))[:, 0].T


_LINEAR = {"bilinear": "linear"}
