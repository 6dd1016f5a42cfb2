"""Total variation denoising of a batch of images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Chambolle's iteration converges for steps up to 1/8, and does in practice up to 1/4.
STEP = 0.25


@torch.no_grad()
def denoise(images: Tensor, strength: float, iterations: int) -> Tensor:
    """Return argmin_u TV(u) + ‖u - f‖² / (2 · strength) of each channel f, by projections.

    A. Chambolle, An algorithm for total variation minimization and applications, 2004, eq. 9.
    Isotropic; the mean of an image is kept.

    Args:
        images: f, (N, C, H, W).
        strength: the larger the smoother.
        iterations: of the fixed point; few leave the images less smooth than the minimum.
    """
    down, across = torch.zeros_like(images), torch.zeros_like(images)
    scaled = images / strength
    for _ in range(iterations):
        inner = _divergence(down, across) - scaled
        slope_down = functional.pad(inner.diff(dim=2), (0, 0, 0, 1))
        slope_across = functional.pad(inner.diff(dim=3), (0, 1))
        size = 1 + STEP * torch.hypot(slope_down, slope_across)
        down, across = (down + STEP * slope_down) / size, (across + STEP * slope_across) / size
    return images - strength * _divergence(down, across)


def _divergence(down: Tensor, across: Tensor) -> Tensor:
    """Minus the adjoint of the forward differences (whose last row and column are 0)."""
    rows = functional.pad(down[:, :, :-1], (0, 0, 1, 1)).diff(dim=2)
    columns = functional.pad(across[:, :, :, :-1], (1, 1)).diff(dim=3)
    return rows + columns
