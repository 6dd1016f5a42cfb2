"""Removal of pixels by imputing them from their neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csc_matrix, diags
from scipy.sparse.linalg import splu
from torch import Tensor

from sparks.checks import between, whole
from sparks.engine.perturbations import _NoBaseline, _own
from sparks.engine.seeds import generators
from sparks.errors import SparksError

# Neighbours of a pixel: rows down, columns across, weight (the paper's).
_NEIGHBOURS = (
    *((0, 1, 1 / 6), (1, 0, 1 / 6), (0, -1, 1 / 6), (-1, 0, 1 / 6)),
    *((1, 1, 1 / 12), (1, -1, 1 / 12), (-1, 1, 1 / 12), (-1, -1, 1 / 12)),
)


@dataclass(frozen=True)
class NoisyLinearImputation(_NoBaseline):
    """Replacement of removed pixels by the weighted mean of their neighbours, plus noise.

    Rong et al. 2022. Removed neighbours are unknowns too: one sparse linear system for each mask.
    The outline of the removed region can hardly be seen in the result, so that a network cannot
    read the class from it. At the edge, the weights of the neighbours that there are sum to 1. An
    image without a pixel left is its mean colour. Masks below one half remove.

    Attributes:
        deviation: of the Gaussian noise, in units of x.
        seed: of the noise, which is each input's own.

    Raises:
        SparksError: when a setting is out of range, or inputs are not images.

    Example:
        Without noise, a pixel that is removed from a white image is white.

        >>> mask = torch.ones(1, 1, 4, 4)
        >>> mask[..., 1, 2] = 0
        >>> imputed = NoisyLinearImputation(deviation=0.0)(white, None, torch.tensor([0]), mask)
        >>> torch.allclose(imputed, white)
        True
    """

    deviation: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        between(self, 0, float("inf"), "deviation", ends=True)
        whole(self, 0, "seed")

    def __call__(
        self, x: Tensor, baseline: Tensor | None, sample_index: Tensor, masks: Tensor
    ) -> Tensor:
        """Mask images (k, C, H, W) by masks (b, 1, H, W); see `sparks.protocols.Perturbation`."""
        if x.ndim != 4:
            raise SparksError(f"only images can be imputed, not inputs of {tuple(x.shape)}")
        noise = torch.stack(
            [torch.randn(x.shape[1:], generator=g) for g in generators(x, self.seed)]
        )
        noise = self.deviation * noise.to(x)
        rows = torch.zeros(len(masks), dtype=torch.int64) if len(x) == 1 else sample_index
        kept = (masks[:, 0] >= 0.5).cpu().numpy()
        images = x.double().cpu().numpy()
        filled = [_imputed(images[i], keep) for i, keep in zip(rows.tolist(), kept, strict=True)]
        values = torch.from_numpy(np.stack(filled)).to(x)
        return torch.where(masks >= 0.5, _own(x, sample_index), values + _own(noise, sample_index))


def _imputed(
    image: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    keep: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Replace the pixels of an image (C, H, W) that are not kept, (H, W)."""
    if keep.all():
        return image
    flat = image.reshape(len(image), -1)
    if not keep.any():
        return np.broadcast_to(flat.mean(1)[:, None, None], image.shape)
    weights = _weights(keep.shape)[~keep.ravel()]
    known = keep.ravel()
    system = diags(np.ones(weights.shape[0])) - weights[:, ~known]
    solved = splu(csc_matrix(system)).solve(weights[:, known] @ flat[:, known].T)
    filled = flat.copy()
    filled[:, ~known] = solved.T
    return filled.reshape(image.shape)


def _weights(size: tuple[int, ...]) -> csc_matrix:
    """Return the weights (H * W, H * W) of each pixel's neighbours, which sum to 1 in each row."""
    height, width = size
    rows, columns = np.mgrid[:height, :width].reshape(2, -1)
    at, beside, values = [], [], []
    for down, across, weight in _NEIGHBOURS:
        row, column = rows + down, columns + across
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        at.append((rows * width + columns)[inside])
        beside.append((row * width + column)[inside])
        values.append(np.full(inside.sum(), weight))
    table = csc_matrix(
        (np.concatenate(values), (np.concatenate(at), np.concatenate(beside))),
        shape=(height * width, height * width),
    )
    return csc_matrix(diags(1 / np.asarray(table.sum(1)).ravel()) @ table).tocsr()
