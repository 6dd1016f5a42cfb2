"""Scores of attribution maps: `metric(explanation)` → name → value per input.

A metric implements `sparks.protocols.Metric`. An `Explanation` holds the maps and what they
explain: model, inputs and classes, and what only some metrics need, the true parts and the method.

Random numbers, ties among them, belong to the seed and to the input's content: an input's score
does not depend on its neighbours in the batch, nor on their order.
Names are imported on first use.

Examples score the map of a linear model of vectors, whose last feature matters:

    >>> import torch
    >>> linear = torch.nn.Linear(3, 2, bias=False)
    >>> linear.weight.data = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0]])
    >>> x, target = torch.ones(1, 3), torch.tensor([0])
    >>> maps, truth = torch.tensor([[1.0, 0.0, 2.0]]), torch.tensor([[False, False, True]])
    >>> from sparks.attribution import Saliency
    >>> from sparks.metrics import Explanation
    >>> explanation = Explanation(linear, x, target, maps, truth, method=Saliency())
    >>> opposite = Explanation(linear, x, target, -maps, truth)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use
from sparks.protocols import Explanation

if TYPE_CHECKING:
    from sparks.metrics.complexity import Complexity, Sparseness
    from sparks.metrics.deletion import Deletion, Insertion, InsertionMinusDeletion
    from sparks.metrics.mufidelity import Infidelity, MuFidelity, SensitivityN
    from sparks.metrics.plausibility import Plausibility
    from sparks.metrics.pointing import PointingGame
    from sparks.metrics.randomisation import DataRandomisation, ModelRandomisation
    from sparks.metrics.relevance import Relevance
    from sparks.metrics.road import ROAD
    from sparks.metrics.robustness import RobustnessSr
    from sparks.metrics.stability import AverageStability, MaxSensitivity

_MODULES = {
    "AverageStability": "stability",
    "Complexity": "complexity",
    "DataRandomisation": "randomisation",
    "Deletion": "deletion",
    "Infidelity": "mufidelity",
    "Insertion": "deletion",
    "InsertionMinusDeletion": "deletion",
    "MaxSensitivity": "stability",
    "ModelRandomisation": "randomisation",
    "MuFidelity": "mufidelity",
    "Plausibility": "plausibility",
    "PointingGame": "pointing",
    "Relevance": "relevance",
    "ROAD": "road",
    "RobustnessSr": "robustness",
    "SensitivityN": "mufidelity",
    "Sparseness": "complexity",
}

__all__ = [
    "ROAD",
    "AverageStability",
    "Complexity",
    "DataRandomisation",
    "Deletion",
    "Explanation",
    "Infidelity",
    "Insertion",
    "InsertionMinusDeletion",
    "MaxSensitivity",
    "ModelRandomisation",
    "MuFidelity",
    "Plausibility",
    "PointingGame",
    "Relevance",
    "RobustnessSr",
    "SensitivityN",
    "Sparseness",
]


__getattr__ = on_first_use(__name__, _MODULES)
