"""Score masked inputs, fast: the one loop behind every black-box method and fidelity metric.

Notation, kept in this package, in `sparks.attribution` and in `sparks.metrics`:

    N  inputs (images, sentences, rows of coefficients)
    d  features of an input that a mask can switch (cells, pixels, words, concepts)
    n  masks per input
    b  input × mask pairs in one forward pass
    m  a mask, d values in [0, 1]: 1 keeps a feature, 0 removes it

A **design** makes the masks, a **domain** says what a feature is, a **perturbation** says what
removing it means, the **engine** scores the results. Estimators elsewhere turn scores into maps.
"""

from sparks.engine.core import Engine
from sparks.engine.designs import Design, OneOff, Ranked, Stored
from sparks.engine.domains import Domain, Grid, Pixels, Vector
from sparks.engine.perturbations import Amplitude, Baseline, Blur, Noise, Perturbation, Token

__all__ = [
    "Amplitude",
    "Baseline",
    "Blur",
    "Design",
    "Domain",
    "Engine",
    "Grid",
    "Noise",
    "OneOff",
    "Perturbation",
    "Pixels",
    "Ranked",
    "Stored",
    "Token",
    "Vector",
]
