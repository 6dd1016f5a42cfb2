"""Scores of masked inputs: the one loop behind every black-box method and fidelity metric.

Notation, kept in this package, in `sparks.attribution` and in `sparks.metrics`:

    N  inputs (images, sentences, rows of coefficients)
    d  features of an input that a mask can switch (cells, pixels, words, concepts)
    n  masks per input
    b  input × mask pairs in one forward pass
    m  a mask, d values in [0, 1]: 1 keeps a feature, 0 removes it

A **design** makes the masks (`FixedMasks`, `LeaveOneOut`, `Ranked`). A **masker** says what a
feature is: a cell (`Grid`, `ShiftedGrid`), a pixel (`Pixels`), a region or a window (`Superpixels`,
`FeatureMask`, `Windows`), a number (`Vector`) or a row of numbers (`Rows`). A **perturbation** says
what removing a feature means (`Baseline`, `Blur`, `Noise`, ...). The **engine** scores the results.
What each is called with and returns is in `sparks.protocols`; the estimators that turn scores into
maps are in `sparks.attribution`. Names are imported on first use.

Examples score the model f(x) = x₁ + 2 x₃ of vectors, and mask a white image of 4 x 4 pixels and a
striped one, black on the left and white on the right:

    >>> import torch
    >>> from sparks.engine import Engine, Pixels, Rows, Vector
    >>> linear = torch.nn.Linear(3, 1, bias=False)
    >>> linear.weight.data = torch.tensor([[1.0, 0.0, 2.0]])
    >>> x = torch.ones(1, 3)
    >>> white = torch.ones(1, 3, 4, 4)
    >>> stripes = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 3, 4, 4)
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
