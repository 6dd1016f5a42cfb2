"""Designs: the masks applied to an input. Rows are made when they are needed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparks.models.device import to_device


@dataclass(frozen=True)
class FixedMasks:
    """Masks held in a tensor.

    Attributes:
        table: masks in [0, 1], (n, d) for all inputs alike or (N, n, d) for each its own. A bool or
            uint8 tensor takes a quarter of the memory; it becomes float chunk by chunk.

    Example:
        Each mask keeps one feature, so the scores are the terms of the sum.

        >>> masks = FixedMasks(torch.eye(3, dtype=torch.bool))
        >>> Engine().score(linear, x, None, masks, Vector(3))
        tensor([[1., 0., 2.]])
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
        """Return the design with its table on a device."""
        return replace(self, table=to_device(self.table, device))

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return the masks (b, d) of rows (b,) of the table; `images` (b,) chooses the input."""
        chosen = self.table[rows] if self.table.ndim == 2 else self.table[images, rows]
        return chosen.float()


@dataclass(frozen=True)
class LeaveOneOut:
    """One feature removed at a time, and row 0 with none removed: n = d + 1.

    Attributes:
        d: features per mask.

    Example:
        >>> Engine().score(linear, x, None, LeaveOneOut(3), Vector(3))
        tensor([[3., 2., 3., 1.]])
    """

    d: int

    @property
    def n(self) -> int:
        """Masks per input."""
        return self.d + 1

    def to(self, device: torch.device) -> LeaveOneOut:
        """Return the design itself: it has no tensors."""
        return self

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return the masks (b, d) of rows (b,): 0 at feature row - 1, 1 elsewhere."""
        features = torch.arange(1, self.d + 1, device=rows.device)
        return (rows[:, None] != features).float()


@dataclass(frozen=True)
class Ranked:
    """Features removed (or inserted) in the order of their rank, `cuts[row]` of them at `row`.

    The design of the metrics Deletion and Insertion.

    Attributes:
        ranks: int32 (N, d), the place of each feature in the order: 0 for the one that goes first.
        cuts: int64 (n,), the number of features that have gone at each row, 0 … d.
        insert: keep the first features and remove all others, instead of the reverse.

    Example:
        The third feature goes first, then the first one, then the second one.

        >>> ranks, cuts = torch.tensor([[1, 2, 0]]), torch.tensor([0, 1, 2, 3])
        >>> Engine().score(linear, x, None, Ranked(ranks, cuts), Vector(3))
        tensor([[3., 1., 0., 0.]])
        >>> Engine().score(linear, x, None, Ranked(ranks, cuts, insert=True), Vector(3))
        tensor([[0., 2., 3., 3.]])
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
        """Return the design with its tensors on a device."""
        ranks, cuts = to_device(self.ranks, device), to_device(self.cuts, device)
        return replace(self, ranks=ranks, cuts=cuts)

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return the masks (b, d) of inputs `images` (b,) at `rows` (b,)."""
        gone = self.ranks[images] < self.cuts[rows, None]
        return (gone if self.insert else ~gone).float()
