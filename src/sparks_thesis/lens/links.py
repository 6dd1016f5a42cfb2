"""Similarity of concepts to each other and to classes: cosines, a plane, links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from sparks.checks import between, whole
from sparks.concepts.layer import Layer

if TYPE_CHECKING:
    import pandas as pd

# Concepts compared with all others at once; bounds memory only.
BLOCK = 1024


def class_vectors(layer: Layer, x: Tensor) -> Tensor:
    """Return the vector of each class in activation space, (classes, p).

    The derivative of the class's logit with respect to the mean activation, averaged over images:
    the row of the weight matrix where the head is linear.

    Args:
        layer: where the model is cut.
        x: images (N, C, H, W) that the derivative is taken at.
    """
    raw = layer.raw(layer.activations(x)).to(layer.device).requires_grad_()
    logits = layer.h(raw)
    rows = []
    for c in range(logits.shape[1]):
        (slope,) = torch.autograd.grad(logits[:, c].sum(), raw, retain_graph=True)
        rows.append(layer.flat(slope).sum(1).mean(0))
    return torch.stack(rows).detach().cpu()


def cosines(first: Tensor, second: Tensor) -> Tensor:
    """Return the cosine similarity (n, m) of rows (n, p) and (m, p); 0 for a row of zeros."""
    unit = functional.normalize(second.float(), dim=1)
    found: Tensor = functional.normalize(first.float(), dim=1) @ unit.T
    return found


def in_plane(distance: Tensor) -> Tensor:
    """Return coordinates (k, 2) that approximate distances (k, k), by classical scaling.

    The sign of each axis is chosen so that the largest coordinate is positive.
    """
    square: Tensor = distance.double() ** 2
    inner = -(square - square.mean(0) - square.mean(1, keepdim=True) + square.mean()) / 2
    values, vectors = torch.linalg.eigh(inner)
    axes = vectors[:, -2:].flip(1) * values[-2:].flip(0).clamp(min=0).sqrt()
    if axes.shape[1] < 2:
        axes = functional.pad(axes, (0, 2 - axes.shape[1]))
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    turned: Tensor = axes * torch.where(largest < 0, -1.0, 1.0)
    return turned.float()


@dataclass(frozen=True, kw_only=True)
class SimilarConcepts:
    """Selection of the concepts of other classes that are listed as similar.

    Attributes:
        most: of each concept, the nearest ones.
        least: cosine that they have.
    """

    most: int = 10
    least: float = 0.8

    def __post_init__(self) -> None:
        whole(self, 0, "most")
        between(self, -1, 1, "least", ends=True)

    def __call__(self, targets: Sequence[int], atoms: Sequence[Tensor]) -> pd.DataFrame:
        """List similar concepts: columns target, concept, other, other_concept, cosine.

        Args:
            targets: classes.
            atoms: the concepts (k, p) of each.
        """
        import pandas as pd

        columns = ["target", "concept", "other", "other_concept", "cosine"]
        if not atoms:
            return pd.DataFrame(columns=columns)
        classes = torch.cat([torch.full((len(a),), t) for t, a in zip(targets, atoms, strict=True)])
        number = torch.cat([torch.arange(len(a)) for a in atoms])
        every = torch.cat(list(atoms))
        rows: list[tuple[int, int, int, int, float]] = []
        for start in range(0, len(every), BLOCK):
            near = cosines(every[start : start + BLOCK], every)
            near[classes[start : start + BLOCK, None] == classes] = -torch.inf
            best = near.topk(min(self.most, len(every)), dim=1)
            for i, (values, others) in enumerate(zip(best.values, best.indices, strict=True)):
                for value, other in zip(values.tolist(), others.tolist(), strict=True):
                    if value >= self.least:
                        here, there = start + i, int(other)
                        rows.append(
                            (int(classes[here]), int(number[here]), int(classes[there]),
                             int(number[there]), value)
                        )  # fmt: skip
        return pd.DataFrame(rows, columns=columns)
