"""Designs: the masks applied to an input. Rows are made when they are needed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparks.models.device import to_device


@dataclass(frozen=True)
class FixedMasks:
    """Masks held in a tensor, (n, d) for all inputs alike or (N, n, d) for each its own.

    A bool or uint8 tensor takes a quarter of the memory; it becomes float chunk by chunk.
    """

    table: Tensor

    @property
    def n(self) -> int:
        """Masks per input."""
        return self.table.shape[-2]

    @property
    def d(self) -> int:
        """Features per mask."""
        return self.table.shape[-1]

    def to(self, device: torch.device) -> FixedMasks:
        """Move the table."""
        return replace(self, table=to_device(self.table, device))

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        """Look the rows up."""
        chosen = self.table[rows] if self.table.ndim == 2 else self.table[images, rows]
        return chosen.float()


@dataclass(frozen=True)
class LeaveOneOut:
    """One feature removed at a time, and row 0 with none removed: n = d + 1."""

    d: int

    @property
    def n(self) -> int:
        """Masks per input."""
        return self.d + 1

    def to(self, device: torch.device) -> LeaveOneOut:
        """Return the design itself: it has no tensors."""
        return self

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return masks that are 1 except for feature `row - 1`."""
        features = torch.arange(1, self.d + 1, device=rows.device)
        return (rows[:, None] != features).float()


@dataclass(frozen=True)
class Ranked:
    """Features removed (or inserted) in the order of their rank, `cuts[row]` of them at `row`.

    Attributes:
        ranks: int32 (N, d), 0 for the feature that goes first.
        cuts: int64 (n,), how many features have gone at each row.
        insert: keep the first features instead of removing them.
    """

    ranks: Tensor
    cuts: Tensor
    insert: bool = False

    @property
    def n(self) -> int:
        """Masks per input."""
        return len(self.cuts)

    @property
    def d(self) -> int:
        """Features per mask."""
        return self.ranks.shape[1]

    def to(self, device: torch.device) -> Ranked:
        """Move ranks and cuts."""
        ranks, cuts = to_device(self.ranks, device), to_device(self.cuts, device)
        return replace(self, ranks=ranks, cuts=cuts)

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        """Compare the ranks with the cut of each row."""
        gone = self.ranks[images] < self.cuts[rows, None]
        return (gone if self.insert else ~gone).float()
