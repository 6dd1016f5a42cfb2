"""Global sensitivity analysis: sequences, the replicated design, Sobol' indices, test functions.

A function of d independent features, uniform on [0, 1], is evaluated at the points of a design; how
much of the variance of its outputs is due to each feature is estimated from these outputs. The
first-order index of a feature is its share of the variance when it acts alone, the total index its
share with all its interactions. Notation, kept in this package:

    n     points of a design
    d     features
    A, B  two independent samples of points, (n, d) each
    C⁽ⁱ⁾  A with column i from B; with A and B these are n (d + 2) evaluations

`draw` makes points, `SaltelliDesign` the rows of A, B and all C⁽ⁱ⁾, `indices` the estimates and
`bootstrap` their intervals; `Ishigami`, `SobolG` and `Additive` have indices in closed form.
Names are imported on first use.

Examples estimate the indices of f(u) = u₁ + 2 u₂, which are 1/5 and 4/5, of both orders:

    >>> import torch
    >>> from sparks.sensitivity import Additive, SaltelliDesign
    >>> function = Additive([1.0, 2.0])
    >>> design = SaltelliDesign.sample(points=256, d=2)
    >>> outputs = function(design.rows())
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.sensitivity.accuracy import Sampler
    from sparks.sensitivity.designs import SaltelliDesign
    from sparks.sensitivity.estimators import FlatOutputWarning, bootstrap, indices
    from sparks.sensitivity.functions import Additive, Ishigami, SobolG
    from sparks.sensitivity.sequences import check_size, draw

_MODULES = {
    "Additive": "functions",
    "FlatOutputWarning": "estimators",
    "Ishigami": "functions",
    "SaltelliDesign": "designs",
    "Sampler": "accuracy",
    "SobolG": "functions",
    "bootstrap": "estimators",
    "check_size": "sequences",
    "draw": "sequences",
    "indices": "estimators",
}

__all__ = [
    "Additive",
    "FlatOutputWarning",
    "Ishigami",
    "SaltelliDesign",
    "Sampler",
    "SobolG",
    "bootstrap",
    "check_size",
    "draw",
    "indices",
]


__getattr__ = on_first_use(__name__, _MODULES)
