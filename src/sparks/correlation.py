"""Correlation of rows, the same everywhere: NaN where a row does not vary."""

from __future__ import annotations

import torch
from torch import Tensor

# A row that varies by less than this share of its largest value varies by float64's rounding.
ROUNDING = 1e-12


def pearson(first: Tensor, second: Tensor) -> Tensor:
    """Pearson correlation of the rows of two (N, d) tensors.

    Returns:
        float64 (N,), in [-1, 1]; NaN where a row is constant, or holds NaN or infinite values:
        there is no correlation then, of 0 or any other size.
    """
    a, b = first.detach().cpu().double(), second.detach().cpu().double()
    undefined = _constant(a) | _constant(b)
    if undefined.all():  # of no columns, too
        return torch.full((len(a),), torch.nan, dtype=torch.float64)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    # Scaled first: squares of very small or large values leave the range of floats.
    a, b = (x / x.abs().amax(1, keepdim=True) for x in (a, b))
    value = (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()
    return value.clamp(-1, 1).masked_fill(undefined, torch.nan)


def spearman(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's rank correlation of the rows of two (N, d) tensors, ties at their mean rank.

    Returns:
        As `pearson`.
    """
    from scipy.stats import rankdata

    rows = [values.detach().cpu().double() for values in (first, second)]
    unknown = [~values.isfinite().all(1) for values in rows]
    a, b = (
        torch.from_numpy(rankdata(values.numpy(), axis=1)).masked_fill(bad[:, None], torch.nan)
        for values, bad in zip(rows, unknown, strict=True)
    )
    return pearson(a, b)


def _constant(values: Tensor) -> Tensor:
    if values.shape[1] == 0:
        return torch.ones(len(values), dtype=torch.bool)
    spread = values.amax(1) - values.amin(1)
    return ~(spread > ROUNDING * values.abs().amax(1))  # NaN, too
