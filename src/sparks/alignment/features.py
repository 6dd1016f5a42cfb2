"""Accuracy of a model when only the pixels that people look at are visible."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparks.engine.inference import Model, device_of, evaluating
from sparks.errors import SparksError
from sparks.metrics.maps import check_maps, descending_ranks


def revealed(
    model: Model,
    x: Tensor,
    labels: Tensor,
    human: Tensor,
    shares: Sequence[float],
    baseline: float = 0.5,
    batch_size: int = 256,
    seed: int = 0,
) -> Tensor:
    """Return whether each image is classified correctly when only a share of its pixels is visible.

    The visible pixels are those with the highest values of the human map. The paper has a similar
    experiment, whose images and masks are not available.

    Args:
        model: images (N, C, H, W) to logits (N, classes).
        x: images in [0, 1], (N, C, H, W).
        labels: true classes (N,).
        human: maps (N, H, W).
        shares: of visible pixels, each in [0, 1].
        baseline: value of the others.
        batch_size: images at a time.
        seed: of the order of pixels that tie.

    Returns:
        float64 (N, len(shares)), 1 where the class is right, else 0.

    Raises:
        SparksError: when maps and images do not fit, or a share is out of range.

    Example:
        The model says class 1 where it sees a white pixel. It lies where people look in the first
        image, far from there in the second.

        >>> def model(x):
        ...     brightest = x.amax((1, 2, 3))
        ...     return torch.stack([torch.full_like(brightest, 0.9), brightest], dim=1)
        >>> x = torch.zeros(2, 3, 32, 32)
        >>> x[0, :, 8, 8] = x[1, :, 0, 0] = 1
        >>> revealed(model, x, torch.tensor([1, 1]), human, shares=[0, 0.1, 1])
        tensor([[0., 1., 1.],
                [0., 0., 1.]], dtype=torch.float64)
    """
    check_maps(x, human)
    if not all(0 <= share <= 1 for share in shares):
        raise SparksError(f"shares {list(shares)} must lie in [0, 1]")
    ranks = descending_ranks(x, human, seed).view(len(x), 1, *x.shape[2:])
    pixels = x.shape[2] * x.shape[3]
    right = torch.zeros(len(x), len(shares), dtype=torch.float64)
    device = device_of(model, x)
    with torch.inference_mode(), evaluating(model):
        for column, share in enumerate(shares):
            for part in torch.split(torch.arange(len(x)), batch_size):
                seen = ranks[part] < round(share * pixels)
                shown = torch.where(seen, x[part], baseline).to(device)
                right[part, column] = (model(shown).argmax(1).cpu() == labels[part]).double()
    return right
