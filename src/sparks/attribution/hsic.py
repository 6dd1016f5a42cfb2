"""HSIC attribution: statistical dependence between each cell's mask and the score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from sparks.attribution.black_box import FeatureWise, refuse_tied
from sparks.checks import one_of, whole
from sparks.engine.inference import Model
from sparks.engine.maskers import Features
from sparks.errors import SparksError
from sparks.sensitivity.sequences import SEQUENCES, draw


@dataclass(frozen=True, kw_only=True)
class HSIC(FeatureWise):
    """Hilbert-Schmidt independence criterion of mask and score (Novello et al. 2022). n forwards.

    Attributes:
        masks: n binary masks, the rounded points of `sequence`.
        sequence: see `sparks.sensitivity.sequences`.
        scramble: randomise the sequence.
        bandwidth: of the Gaussian kernel of scores: "distance", the median distance of two
            scores (of those that differ, where most are tied); or "output", the median score
            itself, as in the authors' code, which changes with a constant added to the score.
            Medians of an even number are the mean of the middle two.
        resize: how values become a map, see `Grid`; "bicubic-keys" as the authors' code does
            (TensorFlow's).

    Example:
        The third feature depends most on the score, the second hardly.

        >>> HSIC(masks=200)(linear, x, target).argsort(descending=True)
        tensor([[2, 0, 1]])
    """

    masks: int = 1536
    grid: int = 7
    sequence: str = "latin-hypercube"
    scramble: bool = True
    bandwidth: str = "distance"
    resize: str = "bicubic-keys"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 2, "masks")
        one_of(self, SEQUENCES, "sequence")
        one_of(self, ("distance", "output"), "bandwidth")

    def within(self, forwards: int, side: int) -> Self:
        """Draw as many masks as there are passes; see `BlackBox`."""
        return replace(self, masks=forwards)

    def _explain(
        self, model: Model, x: Tensor, target: Tensor | None, features: Features
    ) -> Tensor:
        points = draw(self.sequence, self.masks, features.d, self.scramble, self.seed)
        masks = torch.from_numpy(points >= 0.5).float()
        refuse_tied(type(self).__name__, masks)
        scores = self.score(model, x, target, masks, features)
        return features.to_map(self.estimate(masks.to(scores.device), scores))

    def estimate(self, masks: Tensor, scores: Tensor) -> Tensor:
        """tr(K_i H L H) / n, float64 (N, d), of masks (n, d) and scores (N, n).

        K_i = 1 - (m - m')² = 1 - m² - m'² + 2 m m', and H removes all but the last term: the
        trace is 2 mᵀ H L H m, and no K_i is ever built.

        Raises:
            SparksError: when a cell has the same value in all masks: its effect cannot be seen.
        """
        still = (masks == masks[:1]).all(0).nonzero()
        if len(masks) < 2 or len(still):
            cell = int(still[0]) if len(still) else 0
            raise SparksError(
                f"HSIC: cell {cell} has the same value in all {len(masks)} masks: draw more masks"
            )
        centred = masks.double() - masks.double().mean(0)
        return torch.stack([self._one(centred, y) for y in scores.double()])

    def _one(self, centred: Tensor, y: Tensor) -> Tensor:
        gaps = (y[:, None] - y).abs()
        if self.bandwidth == "distance":
            upper = torch.triu_indices(len(y), len(y), offset=1, device=y.device)
            width = _median(gaps[upper[0], upper[1]])
        else:
            width = _median(y)
        if not gaps.any():  # constant scores depend on nothing
            return torch.zeros(centred.shape[1]).to(centred)
        if width == 0:  # more than half of the scores are tied
            width = _median(gaps[gaps > 0])
        kernel = (-((gaps / width) ** 2) / 2).exp()
        return 2 * (centred * (kernel @ centred)).sum(0) / len(y)


def _median(values: Tensor) -> Tensor:
    """Return the median, the mean of the middle two where PyTorch returns the lower one."""
    n = len(values)
    return (values.kthvalue((n + 1) // 2).values + values.kthvalue(n // 2 + 1).values) / 2
