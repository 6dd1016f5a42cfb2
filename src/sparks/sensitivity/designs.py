"""The replicated design of Saltelli 2002: all Sobol' indices from n (d + 2) evaluations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparks.models.device import to_device
from sparks.sensitivity.sequences import draw


@dataclass(frozen=True)
class SaltelliDesign:
    """Rows A, then B, then C⁽¹⁾ … C⁽ᵈ⁾, each a block of `points` rows, made when they are needed.

    All first-order and total indices follow from the outputs at these rows (Saltelli 2002). It is
    a design of masks too: see `sparks.protocols.Design`.

    Attributes:
        a: A, float (points, d) in [0, 1].
        b: B, float (points, d) in [0, 1].

    Example:
        Of 4 points in 3 dimensions: A, B and C⁽¹⁾ … C⁽³⁾. C⁽¹⁾ differs from A in column 1 alone.

        >>> design = SaltelliDesign.sample(points=4, d=3)
        >>> blocks = design.rows().view(5, 4, 3)
        >>> (blocks[2] != blocks[0]).all(0)
        tensor([ True, False, False])
    """

    a: Tensor
    b: Tensor

    @classmethod
    def sample(
        cls, points: int, d: int, sequence: str = "sobol", scramble: bool = True, seed: int = 0
    ) -> SaltelliDesign:
        """Cut `points` points of a 2d-dimensional sequence in A and B.

        Args:
            points: rows of A and of B; a power of two for "sobol".
            d: number of features.
            sequence: see `sparks.sensitivity.draw`.
            scramble: randomise the points.
            seed: of the randomisation.

        Raises:
            SparksError: when there is no such sequence, or none of this size; see `draw`.
        """
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
        """Return the design with A and B on a device."""
        return replace(self, a=to_device(self.a, device), b=to_device(self.b, device))

    def masks(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return `rows` (b,) of the design as masks (b, d), the same for every image."""
        block, point = rows // self.points, rows % self.points
        # Column i comes from B in block 1 (all columns) and in block 2 + i.
        columns = torch.arange(2, self.d + 2, device=rows.device)
        swapped = (block[:, None] == columns) | (block[:, None] == 1)
        return torch.where(swapped, self.b[point], self.a[point])

    def rows(self) -> Tensor:
        """Return the whole design, (n, d), for functions that are cheap to evaluate."""
        every = torch.arange(self.n, device=self.a.device)
        return self.masks(every, every)
