"""Scores of attribution maps: `metric(model, x, target, maps, truth)` → name → value per input.

    model   as in `sparks.attribution`; None for metrics that look at maps alone
    x       images in [0, 1] (N, C, H, W), or vectors (N, d)
    target  class explained, int64 (N,)
    maps    (N, H, W), or (N, d)
    truth   bool (N, H, W), the pixels that matter; None where unknown
    values  float32 (N,) on the CPU, NaN (with a warning) where a score does not exist

Random numbers, ties among them, belong to the seed and to the input's content: an input's score
does not depend on its neighbours in the batch, nor on their order.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "complexity": ("Complexity", "Sparseness"),
    "deletion": ("Deletion", "Insertion", "InsertionMinusDeletion"),
    "mufidelity": ("MuFidelity",),
    "pointing": ("PointingGame",),
    "stability": ("AverageStability",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
