"""First- and total-order Sobol indices of every cell, from one design."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from sparks.attribution.sobol import Sobol
from sparks.progress import progress
from sparks.results import MetricRecorder


def both_orders(
    method: Sobol, model: nn.Module, x: Tensor, target: Tensor, seed: int
) -> MetricRecorder:
    """Estimate both indices of every image and cell (`cell`).

    Args:
        method: Sobol with all its settings but the seed.
        model: in evaluation mode.
        x: images (N, C, H, W) in [0, 1].
        target: class explained of each, int64 (N,).
        seed: of the first image's design.
    """
    each = []
    for image in progress(range(len(x)), unit="image", description="indices"):
        # A design of its own for each image: then the interval over images holds its error too.
        drawn = replace(method, seed=seed + image)
        each.append(drawn.indices(model, x[image : image + 1], target[image : image + 1]))
    first, total = (torch.cat(order) for order in zip(*each, strict=True))
    recorder = MetricRecorder()
    for cell, (s, st) in enumerate(zip(first.T, total.T, strict=True)):
        recorder.add_images({"FirstOrder": s, "TotalOrder": st}, cell=cell)
    return recorder
