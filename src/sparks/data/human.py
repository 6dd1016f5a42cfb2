"""Human importance maps from clicks, and how well annotators agree.

Source: ClickMe (Linsley et al., arXiv 1805.08819), as used by the neural harmonizer (Fel et al.,
arXiv 2211.04533): clicks of several people on one image are blurred and averaged. The clicks of
`chimera` are simulated, and so are then the maps and the ceiling.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sparks.errors import SparksError
from sparks.stats import spearman


def human_maps(clicks: Tensor, size: int, sigma: float) -> Tensor:
    """Average over all annotators and clicks of a Gaussian bump around each click.

    Args:
        clicks: (N, annotators, clicks, 2), x and y in pixels; the centre of the first pixel is 0.5.
        size: side H = W of the maps in pixels.
        sigma: standard deviation of the bump in pixels.

    Returns:
        float32 (N, H, W) in [0, 1].

    Raises:
        SparksError: when `clicks` has another shape or a NaN, or `sigma` is not positive.
    """
    if clicks.ndim != 4 or clicks.shape[-1] != 2 or 0 in clicks.shape[1:3]:
        raise SparksError(
            f"clicks have shape {tuple(clicks.shape)}: give (N, annotators, clicks, 2)"
        )
    if not torch.isfinite(clicks).all():
        bad = int((~torch.isfinite(clicks)).flatten(1).any(1).nonzero()[0])
        raise SparksError(f"a click on image {bad} is not a finite number: remove that image")
    if sigma <= 0:
        raise SparksError(f"sigma is {sigma}: it must be above 0 pixels")
    centres = torch.arange(size, dtype=torch.float32) + 0.5
    # A Gaussian is a product over x and y: (N, K, W) and (N, K, H) suffice for K clicks.
    profile = torch.exp(
        -((clicks.float().flatten(1, 2)[..., None] - centres) ** 2) / (2 * sigma**2)
    )
    return torch.einsum("nkx,nky->nyx", profile[:, :, 0], profile[:, :, 1]) / profile.shape[1]


def human_ceiling(
    clicks: Tensor, size: int, sigma: float, repeats: int = 10, seed: int = 0
) -> Tensor:
    """Return how well half of the annotators predict the others, the ceiling for any model.

    The annotators of each image are split at random into halves; the ceiling is Spearman's rank
    correlation of the two halves' maps, averaged over `repeats` splits. The protocol behind the
    published ceiling of ClickMe (0.65753, the average correlation between people) is not known.

    Args:
        clicks: (N, annotators, clicks, 2); of an odd number of annotators one is left out.
        size: side of the maps in pixels.
        sigma: standard deviation of the blur in pixels.
        repeats: number of random splits.
        seed: of the splits.

    Returns:
        float64 (N,) in [-1, 1]; its mean is the ceiling of the set. NaN for an image of which half
        the annotators give a map without any order.

    Raises:
        SparksError: when there are fewer than two annotators, or `clicks` are no clicks.
    """
    n, annotators = clicks.shape[:2]
    if annotators < 2:
        raise SparksError("the ceiling needs at least 2 annotators an image")
    half = annotators // 2
    generator = torch.Generator().manual_seed(seed)
    rows = torch.arange(n)[:, None]
    total = torch.zeros(n, dtype=torch.float64)
    for _ in range(repeats):
        order = torch.rand(n, annotators, generator=generator).argsort(1)
        one = human_maps(clicks[rows, order[:, :half]], size, sigma)
        other = human_maps(clicks[rows, order[:, half : 2 * half]], size, sigma)
        total += spearman(one.flatten(1), other.flatten(1))
    return total / repeats
