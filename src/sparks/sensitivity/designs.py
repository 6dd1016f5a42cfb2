"""The replicated design of Saltelli 2002: all Sobol' indices from n (d + 2) evaluations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparks.models.device import to_device
from sparks.sensitivity.sequences import draw


@dataclass(frozen=True)
class SaltelliDesign:
    """Rows A, then B, then C⁽¹⁾ … C⁽ᵈ⁾, each a block of `points` rows. Made when needed.

    Attributes:
        a: float (points, d).
        b: float (points, d).
    """

    a: Tensor
    b: Tensor

    @classmethod
    def sample(
        cls, points: int, d: int, sequence: str = "sobol", scramble: bool = True, seed: int = 0
    ) -> SaltelliDesign:
        """Cut `points` points of a 2d-dimensional sequence in A and B; see `sequences.draw`."""
        both = torch.from_numpy(draw(sequence, points, 2 * d, scramble, seed)).float()
        return cls(both[:, :d], both[:, d:])

    @property
    def points(self) -> int:
        """Rows of A."""
        return len(self.a)

    @property
    def d(self) -> int:
        """Number of features."""
        return self.a.shape[1]

    @property
    def n(self) -> int:
        """Rows of the whole design."""
        return self.points * (self.d + 2)

    def to(self, device: torch.device) -> SaltelliDesign:
        """Move A and B."""
        return replace(self, a=to_device(self.a, device), b=to_device(self.b, device))

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        """Make rows (b, d) of the design, the same for every image."""
        block, point = rows // self.points, rows % self.points
        # Column i comes from B in block 1 (all columns) and in block 2 + i.
        columns = torch.arange(2, self.d + 2, device=rows.device)
        swapped = (block[:, None] == columns) | (block[:, None] == 1)
        return torch.where(swapped, self.b[point], self.a[point])

    def rows(self) -> Tensor:
        """Return the whole design, (n, d), for functions that are cheap to evaluate."""
        every = torch.arange(self.n, device=self.a.device)
        return self.masks(every, every)
