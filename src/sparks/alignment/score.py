"""Alignment of saliency maps with human maps: rank correlation and overlap of the top pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from sparks.errors import SparksError
from sparks.metrics.maps import check_maps, has_nan, undefined_to_nan
from sparks.stats import constant_rows, spearman

# Mean correlation between people on ClickMe, as the released code has it: 100 % alignment.
CLICKME_CEILING = 0.65753


def alignment(maps: Tensor, human: Tensor, share: float = 0.1) -> dict[str, Tensor]:
    """Score how well each map agrees with its human map.

    Args:
        maps: of a model, (N, H, W), such as the absolute gradient.
        human: human maps, (N, H, W).
        share: of the pixels that count as highest, in (0, 1).

    Returns:
        Three scores of each map, float64 (N,). "Spearman" is the rank correlation over pixels in
        [-1, 1], not divided by the human ceiling; "Dice" and "IoU" are the overlap in [0, 1] of the
        pixels in the top `share` of either map. They are NaN, with a warning, where a map is
        constant or holds NaN.

    Raises:
        SparksError: when the shapes differ, or `share` is out of range.

    Example:
        Only the order of the pixels counts.

        >>> scores = alignment(3 * human, human)
        >>> {name: values.round(decimals=2).tolist() for name, values in scores.items()}
        {'Spearman': [1.0, 1.0], 'Dice': [1.0, 1.0], 'IoU': [1.0, 1.0]}
        >>> scores = alignment(-human, human)
        >>> {name: values.round(decimals=2).tolist() for name, values in scores.items()}
        {'Spearman': [-1.0, -1.0], 'Dice': [0.0, 0.0], 'IoU': [0.0, 0.0]}
    """
    check_maps(human[:, None], maps)
    if not 0 < share < 1:
        raise SparksError(f"the share of highest pixels is {share}: it must be in (0, 1)")
    ours, theirs = maps.detach().cpu().double(), human.detach().cpu().double()
    broken = has_nan(ours) | has_nan(theirs) | constant_rows(ours) | constant_rows(theirs)
    ours, theirs = (m.flatten(1).masked_fill(broken[:, None], 0.0) for m in (ours, theirs))
    a, b = _highest(ours, share), _highest(theirs, share)
    both, size = (a & b).sum(1).double(), (a.sum(1) + b.sum(1)).double()
    values = {
        "Spearman": spearman(ours, theirs),
        "Dice": 2 * both / size,
        "IoU": both / (size - both),
    }
    why = "a map is constant or holds NaN"
    return {name: undefined_to_nan(v, broken, name, why) for name, v in values.items()}


def _highest(flat: Tensor, share: float) -> Tensor:
    """Mark the top `share` of the pixels of each row, with all that tie with the lowest."""
    count = max(1, round(share * flat.shape[1]))
    return flat >= torch.topk(flat, count, dim=1).values[:, -1:]
