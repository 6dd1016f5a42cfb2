"""Maskers: what a feature is. They spread masks over inputs and importances over maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from sparks.checks import one_of
from sparks.errors import SparksError
from sparks.protocols import Masker

RESIZES = ("nearest", "bilinear", "bicubic", "bicubic-keys")


class Features(Masker, Protocol):
    """Protocol of a masker whose features stay in place, so that importances have a map.

    All maskers of this package but `ShiftedGrid` are of this kind.
    """

    def to_map(self, importance: Tensor) -> Tensor:
        """Spread importances (N, d) over the input: (N, H, W), or (N, d)."""

    def sums(self, maps: Tensor) -> Tensor:
        """Sum maps (N, H, W) or (N, d) over each feature: (N, d)."""


@dataclass(frozen=True)
class Grid:
    """Rectangular cells of an image.

    A pixel belongs to the cell that its centre lies in. Where `cells` do not divide the side, they
    differ by a pixel, the larger ones spread evenly (of 64 pixels in 7 cells the fourth has 10).

    Attributes:
        cells: number of rows and of columns of cells.
        size: height and width of the image, pixels.
        mode: how masks are upsampled, "nearest" (sharp cells) or "bilinear".
        resize: how importances become a map, one of `RESIZES`: "nearest", "bilinear", "bicubic"
            (cubic convolution with a = -3/4, that of PyTorch and OpenCV), or "bicubic-keys"
            (a = -1/2, that of TensorFlow and Pillow; Keys 1981).

    Raises:
        SparksError: when there are more cells than pixels, or `resize` is unknown.

    Example:
        >>> grid = Grid(cells=(2, 2), size=(4, 4))
        >>> grid.expand(torch.tensor([[1.0, 0.0, 0.0, 1.0]]))[0, 0]
        tensor([[1., 1., 0., 0.],
                [1., 1., 0., 0.],
                [0., 0., 1., 1.],
                [0., 0., 1., 1.]])
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
        one_of(self, RESIZES, "resize")

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
        cells = importance.float().reshape(-1, *self.cells)
        if self.resize == "nearest":
            down, across = self._cells_of_pixels(cells.device)
            return cells[:, down[:, None], across]
        mode, keys = self.resize.removesuffix("-keys"), self.resize.endswith("-keys")
        # With antialiasing PyTorch's coefficient is Keys's; it smooths only where sizes shrink.
        spread = functional.interpolate(cells[:, None], self.size, mode=mode, antialias=keys)
        return spread[:, 0]

    def sums(self, maps: Tensor) -> Tensor:
        """Sum maps (N, H, W) over the pixels of each cell: (N, d)."""
        down, across = self._cells_of_pixels(maps.device)
        sample_index = (down[:, None] * self.cells[1] + across).flatten()
        return maps.new_zeros(len(maps), self.d).index_add_(1, sample_index, maps.flatten(1))

    def _cells_of_pixels(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the cell index of each row of pixels, and of each column, int64."""
        down, across = (
            _cell_index(cells, length, device)
            for cells, length in zip(self.cells, self.size, strict=True)
        )
        return down, across


@dataclass(frozen=True)
class ShiftedGrid:
    """Cells under a grid that is moved at random, as RISE does: no cell border stays in place.

    As the authors' code does: a cell has c = ⌈side / cells⌉ pixels, the mask is upsampled to
    (cells + 1) c pixels a side (80 for 7 cells on 64), and the image is cut out of it at a shift
    of 0 … c - 1 pixels. (The paper's c = ⌊side / cells⌋ leaves too few pixels where the grid does
    not divide the side.) A mask has rows * columns cells followed by two numbers in [0, 1), the
    vertical and the horizontal shift in units of a cell. Upsampling is bilinear.

    Attributes:
        cells: number of rows and of columns of cells.
        size: height and width of the image, pixels.

    Example:
        A mask that keeps every cell keeps every pixel, wherever the grid lies.

        >>> grid = ShiftedGrid(cells=(2, 2), size=(4, 4))
        >>> grid.d  # four cells and two shifts
        6
        >>> mask = torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.3, 0.8]])
        >>> bool((grid.expand(mask) == 1).all())
        True
    """

    cells: tuple[int, int]
    size: tuple[int, int]

    @property
    def d(self) -> int:
        """Number of cells, plus two for the shift."""
        return self.cells[0] * self.cells[1] + 2

    def expand(self, masks: Tensor) -> Tensor:
        """Upsample masks (b, d) to one cell more a side, and cut out the image: (b, 1, H, W)."""
        cells = masks[:, :-2].reshape(-1, *self.cells)
        down, across = (
            self._moved(masks[:, axis - 2], self.cells[axis], self.size[axis]) for axis in (0, 1)
        )
        return (down @ (cells @ across.mT)).unsqueeze(1)

    @staticmethod
    def _moved(shift: Tensor, cells: int, length: int) -> Tensor:
        """Return cells' weights (b, length, cells) for each pixel, moved by `shift` (b,) cells."""
        step = -(-length // cells)
        start = (shift * step).long().clamp(max=step - 1)
        pixels = start[:, None] + torch.arange(length, device=shift.device)
        return _weights(cells, (cells + 1) * step, "bilinear", shift.device)[pixels]


@dataclass(frozen=True)
class Pixels:
    """Every pixel of an image: a feature is a pixel in all its channels.

    Attributes:
        size: height and width of the image, pixels.

    Example:
        >>> Pixels((4, 4)).d
        16
        >>> Pixels((4, 4)).expand(torch.rand(5, 16)).shape
        torch.Size([5, 1, 4, 4])
    """

    size: tuple[int, int]

    @property
    def d(self) -> int:
        """Number of pixels."""
        return self.size[0] * self.size[1]

    def expand(self, masks: Tensor) -> Tensor:
        """Reshape masks (b, H * W) to (b, 1, H, W)."""
        return masks.reshape(-1, 1, *self.size)

    def to_map(self, importance: Tensor) -> Tensor:
        """Reshape importances (N, H * W) to (N, H, W)."""
        return importance.float().reshape(-1, *self.size)

    def sums(self, maps: Tensor) -> Tensor:
        """Flatten maps (N, H, W) to (N, H * W)."""
        return maps.flatten(1)


@dataclass(frozen=True)
class Vector:
    """The coordinates of a vector: concept coefficients (N, d), or the words of a text (N, d).

    Attributes:
        d: number of coordinates, or of words.

    Example:
        >>> keep_first = torch.tensor([[1.0, 0.0, 0.0]])
        >>> Engine().score(linear, x, None, keep_first, Vector(3))
        tensor([[1.]])
    """

    d: int

    def expand(self, masks: Tensor) -> Tensor:
        """Return masks (b, d) unchanged."""
        return masks

    def to_map(self, importance: Tensor) -> Tensor:
        """Return importances (N, d) unchanged, as float32: they are the map."""
        return importance.float()

    def sums(self, maps: Tensor) -> Tensor:
        """Return maps (N, d) unchanged: they have one value a feature."""
        return maps


@dataclass(frozen=True)
class Rows:
    """The rows of a matrix, each removed as a whole: a concept (N, d, L) at L places at once.

    Attributes:
        d: number of rows.

    Example:
        >>> coefficients = torch.ones(1, 2, 5)  # two concepts at five places
        >>> Rows(2).expand(torch.tensor([[1.0, 0.0]])) * coefficients
        tensor([[[1., 1., 1., 1., 1.],
                 [0., 0., 0., 0., 0.]]])
    """

    d: int

    def expand(self, masks: Tensor) -> Tensor:
        """Reshape masks (b, d) to (b, d, 1)."""
        return masks.unsqueeze(2)

    def to_map(self, importance: Tensor) -> Tensor:
        """Return importances (N, d) unchanged, as float32: they are the map."""
        return importance.float()

    def sums(self, maps: Tensor) -> Tensor:
        """Return maps (N, d) unchanged: they have one value a feature."""
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
    """Return the masker of the coordinates of inputs (N, d), or of the rows of inputs (N, d, L)."""
    if x.ndim not in (2, 3):
        raise SparksError(
            f"inputs of shape {tuple(x.shape)} cannot be masked: images are (N, C, H, W), "
            "vectors and texts are (N, d), concepts at places (N, d, L)"
        )
    return Vector(x.shape[1]) if x.ndim == 2 else Rows(x.shape[1])


def _cell_index(cells: int, length: int, device: torch.device) -> Tensor:
    """Return the cell (length,) that contains each pixel's centre, along one axis of an image."""
    # Integers: PyTorch's own "nearest" takes the pixel's corner, "nearest-exact" rounds in float32.
    return (2 * torch.arange(length, device=device) + 1) * cells // (2 * length)


def _weights(cells: int, length: int, mode: str, device: torch.device) -> Tensor:
    """Weight (length, cells) of each cell for each pixel along one axis of an image.

    Upsampling a grid m is then A m Bᵀ, many times faster on a CPU than `interpolate`.
    """
    identity = torch.eye(cells, device=device)
    if mode == "nearest":
        return identity[_cell_index(cells, length, device)]
    return functional.interpolate(identity[:, None], length, mode="linear")[:, 0].T
