"""Global sensitivity analysis: sequences, the replicated design, Sobol' indices, test functions.

n  points of a design      d  features      A, B  two independent samples, (n, d) each
C⁽ⁱ⁾  A with column i from B: n (d + 2) evaluations in all

Names are imported on first use.
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
