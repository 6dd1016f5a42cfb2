"""Intermediate results of one Sobol explanation, recorded for a figure."""

from __future__ import annotations

import torch
from torch import Tensor

from sparks.attribution.sobol import Sobol
from sparks.engine.inference import Model
from sparks.sensitivity.estimators import bootstrap, indices

# Points of the design that are shown.
POINTS = 2


def steps(method: Sobol, model: Model, x: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Explain one image, and keep the steps.

    For the first points of the design are shown: the row of A, and those of C⁽ⁱ⁾ for the cells
    with the largest and with the smallest total index, which differ from it in one cell.

    Args:
        method: its `order` has no effect, and no output may be constant.
        model: see `sparks.attribution`.
        x: the image, (1, C, H, W).
        target: its class, (1,).

    Returns:
        "image" (C, H, W); "rows" (r,), which rows of the design are shown; "swapped" (r,), the
        cell of each that comes from B, or -1; "masks" (r, H, W); "inputs" (r, C, H, W); "whole",
        the score of the image itself, (1,); "scores" (n,); "first", "total" (d,), and the
        intervals "first_low", … (d,) each; "points" (1,), the number of them.
    """
    design, features, scores = method.evaluate(model, x, target)
    found = {
        "first": indices(scores, method.points, "first", "saltelli")[0],
        "total": indices(scores, method.points, "total", method.estimator)[0],
    }
    for order, estimator in (("first", "saltelli"), ("total", method.estimator)):
        low, high = bootstrap(scores, method.points, order, estimator, seed=method.seed)
        found |= {f"{order}_low": low[0], f"{order}_high": high[0]}
    total = found["total"].nan_to_num()
    cells = [-1, int(total.argmax()), int(total.argmin())]
    blocks = [0 if cell < 0 else 2 + cell for cell in cells]
    rows = torch.tensor([b * method.points + p for p in range(POINTS) for b in blocks])
    spread = features.expand(design.masks(torch.zeros_like(rows), rows))
    sample_index = torch.zeros(len(rows), dtype=torch.int64)
    nothing = torch.ones(1, features.d)
    whole = method.score(model, x, target, nothing, features)
    return {
        "image": x[0],
        "rows": rows,
        "swapped": torch.tensor(cells * POINTS),
        "masks": spread[:, 0],
        "inputs": method.perturbation(x, method.perturbation.baseline(x), sample_index, spread),
        "whole": whole[0],
        "scores": scores[0],
        "points": torch.tensor([method.points]),
        **found,
    }
