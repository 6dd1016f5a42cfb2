"""Figures of explanations: maps over images, crops of concepts, importances and curves.

Every function takes tensors or arrays and returns a `matplotlib.figure.Figure`, which a notebook
shows and `figure.savefig` writes. Nothing goes through pyplot: no figure stays open, and the user's
own style (`rcParams`) holds. `sparks.plots.axes` draws the same on axes of one's own. Names are
imported on first use.

Examples draw made-up images, maps and crops:

    >>> import torch
    >>> images, maps = torch.rand(2, 3, 16, 16), torch.randn(2, 16, 16)
    >>> crops, importance = torch.rand(3, 4, 3, 8, 8), torch.tensor([0.1, 0.7, 0.2])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.plots.figures import concepts, curves, importances, overlay

_MODULES = {
    "concepts": "figures",
    "curves": "figures",
    "importances": "figures",
    "overlay": "figures",
}

__all__ = ["concepts", "curves", "importances", "overlay"]


__getattr__ = on_first_use(__name__, _MODULES)
