"""Score masked inputs, fast: the one loop behind every black-box method and fidelity metric.

Notation, kept in this package, in `sparks.attribution` and in `sparks.metrics`:

    N  inputs (images, sentences, rows of coefficients)
    d  features of an input that a mask can switch (cells, pixels, words, concepts)
    n  masks per input
    b  input × mask pairs in one forward pass
    m  a mask, d values in [0, 1]: 1 keeps a feature, 0 removes it

A **design** makes the masks, a **masker** says what a feature is, a **perturbation** says what
removing it means (all three in `sparks.protocols`), the **engine** scores the results. Estimators
elsewhere turn scores into maps. Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.engine.core import Engine
    from sparks.engine.designs import FixedMasks, LeaveOneOut, Ranked
    from sparks.engine.imputation import NoisyLinearImputation
    from sparks.engine.maskers import Features, Grid, Pixels, Rows, ShiftedGrid, Vector
    from sparks.engine.perturbations import (
        Amplitude,
        Baseline,
        Blur,
        Noise,
        Sum,
        Token,
        Uniform,
    )
    from sparks.engine.segments import FeatureMask, Segments, Superpixels, Windows

_MODULES = {
    "Amplitude": "perturbations",
    "Baseline": "perturbations",
    "Blur": "perturbations",
    "Engine": "core",
    "Features": "maskers",
    "FeatureMask": "segments",
    "FixedMasks": "designs",
    "Grid": "maskers",
    "LeaveOneOut": "designs",
    "Noise": "perturbations",
    "NoisyLinearImputation": "imputation",
    "Pixels": "maskers",
    "Ranked": "designs",
    "Rows": "maskers",
    "ShiftedGrid": "maskers",
    "Segments": "segments",
    "Sum": "perturbations",
    "Superpixels": "segments",
    "Token": "perturbations",
    "Uniform": "perturbations",
    "Vector": "maskers",
    "Windows": "segments",
}

__all__ = [
    "Amplitude",
    "Baseline",
    "Blur",
    "Engine",
    "FeatureMask",
    "Features",
    "FixedMasks",
    "Grid",
    "LeaveOneOut",
    "Noise",
    "NoisyLinearImputation",
    "Pixels",
    "Ranked",
    "Rows",
    "Segments",
    "ShiftedGrid",
    "Sum",
    "Superpixels",
    "Token",
    "Uniform",
    "Vector",
    "Windows",
]


__getattr__ = on_first_use(__name__, _MODULES)
