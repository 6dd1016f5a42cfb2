"""Scores of attribution maps: `metric(explanation)` → name → value per input.

A metric implements `sparks.protocols.Metric`. An `Explanation` holds the maps and what they
explain: model, inputs and classes, and what only some metrics need, the true parts and the method.

    >>> from sparks.metrics import Deletion, Explanation
    >>> values = Deletion()(Explanation(model, images, classes, maps))  # doctest: +SKIP

Random numbers, ties among them, belong to the seed and to the input's content: an input's score
does not depend on its neighbours in the batch, nor on their order.
Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use
from sparks.protocols import Explanation

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
    "Explanation",
    "Insertion",
    "InsertionMinusDeletion",
    "MuFidelity",
    "PointingGame",
    "RobustnessSr",
    "Sparseness",
]


__getattr__ = on_first_use(__name__, _MODULES)
