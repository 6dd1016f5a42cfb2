"""Scores of attribution maps: `metric(model, x, target, maps, truth)` → name → value per input.

    model   as in `sparks.attribution`; None for metrics that look at maps alone
    x       images in [0, 1] (N, C, H, W), or vectors (N, d)
    target  class explained, int64 (N,)
    maps    (N, H, W), or (N, d)
    truth   bool like the maps, the pixels (or words) that matter; None where unknown
    values  float32 (N,) on the CPU, NaN (with a warning) where a score does not exist

Random numbers, ties among them, belong to the seed and to the input's content: an input's score
does not depend on its neighbours in the batch, nor on their order.
Names are imported on first use.

Examples score the map of a linear model of vectors, whose last feature matters:

    >>> import torch
    >>> linear = torch.nn.Linear(3, 2, bias=False)
    >>> linear.weight.data = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0]])
    >>> x, target = torch.ones(1, 3), torch.tensor([0])
    >>> maps, truth = torch.tensor([[1.0, 0.0, 2.0]]), torch.tensor([[False, False, True]])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.metrics.complexity import Complexity, Sparseness
    from sparks.metrics.deletion import Deletion, Insertion, InsertionMinusDeletion
    from sparks.metrics.mufidelity import MuFidelity
    from sparks.metrics.pointing import PointingGame
    from sparks.metrics.robustness import RobustnessSr
    from sparks.metrics.stability import AverageStability

_MODULES = {
    "AverageStability": "stability",
    "Complexity": "complexity",
    "Deletion": "deletion",
    "Insertion": "deletion",
    "InsertionMinusDeletion": "deletion",
    "MuFidelity": "mufidelity",
    "PointingGame": "pointing",
    "RobustnessSr": "robustness",
    "Sparseness": "complexity",
}

__all__ = [
    "AverageStability",
    "Complexity",
    "Deletion",
    "Insertion",
    "InsertionMinusDeletion",
    "MuFidelity",
    "PointingGame",
    "RobustnessSr",
    "Sparseness",
]


__getattr__ = on_first_use(__name__, _MODULES)
