"""RISE: the mean of random masks, weighted by the scores they leave."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from sparks.attribution.black_box import BlackBox, refuse_tied
from sparks.checks import between, one_of, whole
from sparks.engine.inference import Model
from sparks.engine.maskers import Grid, ShiftedGrid, elements_of
from sparks.errors import SparksError
from sparks.protocols import Masker

# Masks spread over the image at a time by the estimator; bounds memory only.
ROWS = 256


@dataclass(frozen=True, kw_only=True)
class RISE(BlackBox):
    """Σ_j y_j m_j / Σ_j m_j at each pixel, over random masks m_j (Petsiuk et al. 2018).

    The paper divides by n E[m] instead of Σ m_j (`normaliser="expected"`): the same in expectation,
    but noisier, and it changes with a constant added to the score.

    Attributes:
        masks: n.
        probability: of keeping a cell.
        centred: take the mean score off, so that 0 is a pixel that changes nothing when it is kept;
            the paper's maps are all positive. The order of the pixels is the same.
        shift: move the grid of each mask at random by up to a cell (images only), in masks of the
            size that the authors' code has; see `ShiftedGrid`.
        normaliser: what the weighted sum is divided by: "drawn", Σ m_j at each pixel, or
            "expected", n E[m] as in the paper.

    Example:
        With masks of probability 1 / 2, half of each term.

        >>> RISE(masks=4000)(linear, x, target).round(decimals=1).abs()
        tensor([[0.5000, 0.0000, 1.0000]])
    """

    masks: int = 4000
    grid: int = 7
    probability: float = 0.5
    shift: bool = True
    centred: bool = True
    normaliser: str = "drawn"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 2, "masks")
        one_of(self, ("drawn", "expected"), "normaliser")
        between(self, 0, 1, "probability")

    def within(self, forwards: int, side: int) -> Self:
        """Draw as many masks as there are passes; see `BlackBox`."""
        return replace(self, masks=forwards)

    def _explain(self, model: Model, x: Tensor, target: Tensor | None, features: Masker) -> Tensor:
        design = self._design(features)
        scores = self.score(model, x, target, design, features)
        if self.centred:
            scores = scores - scores.mean(1, keepdim=True)
        expected = self.probability if self.normaliser == "expected" else None
        return elements_of(x).to_map(self.estimate(design, scores, features, expected))

    @staticmethod
    def estimate(
        design: Tensor, scores: Tensor, masker: Masker, expected: float | None = None
    ) -> Tensor:
        """Return the weighted mean masks (N, elements) of masks (n, d) and scores (N, n).

        Args:
            design: masks.
            scores: of the masked inputs.
            masker: spreads masks over elements.
            expected: E[m], to divide by n times this instead of by the sum of the masks.
        """
        weighted, weight = torch.zeros(1), torch.zeros(1)
        for start in range(0, len(design), ROWS):
            spread = masker.expand(design[start : start + ROWS].to(scores.device)).flatten(1)
            weighted = weighted.to(spread) + scores[:, start : start + ROWS] @ spread
            weight = weight.to(spread) + spread.sum(0)
        if expected is not None:
            return weighted / (len(design) * expected)
        if bool((weight == 0).any()):
            raise SparksError(f"{len(design)} masks leave a feature that none keeps: take more")
        return weighted / weight

    def _grid(self, x: Tensor) -> Masker:
        if x.ndim != 4:
            return elements_of(x)
        cells, size = (self.grid, self.grid), (x.shape[2], x.shape[3])
        grid = Grid(cells, size, mode="bilinear")
        return ShiftedGrid(cells, size) if self.shift else grid

    def _design(self, masker: Masker) -> Tensor:
        """Return zeros and ones, (masks, cells), then the shifts if the masker has them."""
        generator = torch.Generator().manual_seed(self.seed)
        moves = 2 if isinstance(masker, ShiftedGrid) else 0
        draws = torch.rand(self.masks, masker.d, generator=generator)
        kept = (draws[:, : masker.d - moves] < self.probability).float()
        refuse_tied(type(self).__name__, kept)
        return torch.cat([kept, draws[:, masker.d - moves :]], 1)
