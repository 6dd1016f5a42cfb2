"""Sparks of Explainability: where models look, what they see, and how to align both with people.

The library follows the thesis of Thomas Fel (arXiv 2502.01048). It knows nothing of Snakemake,
Hydra or of where files live: every function takes models, tensors and plain values. A model is any
`torch.nn.Module` from images in [0, 1] to logits. Packages are imported on first use:

    >>> import sparks
    >>> sparks.attribution.Sobol(grid=8).grid
    8
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.errors import SparksError
from sparks.lazy import packages_on_first_use

if TYPE_CHECKING:
    from sparks import (
        alignment,
        attribution,
        concepts,
        data,
        engine,
        lipschitz,
        metrics,
        models,
        plots,
        sensitivity,
        stability,
        stats,
        training,
        utility,
        verification,
        visualization,
    )

__version__ = "0.2.0"

__all__ = [
    "SparksError",
    "alignment",
    "attribution",
    "concepts",
    "data",
    "engine",
    "lipschitz",
    "metrics",
    "models",
    "plots",
    "sensitivity",
    "stability",
    "stats",
    "training",
    "utility",
    "verification",
    "visualization",
]


__getattr__ = packages_on_first_use(__name__, __all__)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
