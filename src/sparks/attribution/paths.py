"""Gradients integrated along other paths than the straight one from a constant image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import torch
from torch import Tensor

from sparks.attribution.gradient import OfGradients, gradient
from sparks.checks import between, whole
from sparks.engine.inference import Model
from sparks.errors import SparksError
from sparks.models.device import to_device


def _slope(model: Model, at: Tensor, target: Tensor | None) -> Tensor:
    """∂ logit / ∂x at some inputs, which need not require gradients."""
    return gradient(model, at.detach().requires_grad_(), target)


def _slopes(
    model: Model, points: Iterable[Tensor], target: Tensor | None, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield points (N, ...) and ∂ logit / ∂x there, several points in one backward pass."""
    points = iter(points)
    for first in points:
        some = [first, *islice(points, max(1, batch_size // len(first)) - 1)]
        goals = None if target is None else target.repeat(len(some))
        slopes = _slope(model, torch.cat(some), goals)
        yield from zip(some, slopes.reshape(len(some), *first.shape), strict=True)


@dataclass(frozen=True, kw_only=True)
class BlurIG(OfGradients):
    """Integral of the gradient from a blurred image to the image (Xu et al. 2020).

    The path is x convolved with Gaussians of deviation s, s from `deviation` to 0 in `steps` equal
    steps; each step's change is multiplied by the mean gradient of its two ends. Attributions sum
    to the difference of the logit from that of the most blurred image. Gaussians end with the
    image: their weights are scaled to sum to 1 there.

    Attributes:
        steps: of the path; steps + 1 backward passes.
        deviation: of the strongest blur, pixels.

    Example:
        >>> BlurIG(steps=8, deviation=4.0)(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    steps: int = 50
    deviation: float = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 1, "steps")
        between(self, 0, math.inf, "deviation")

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        if x.ndim != 4:
            raise SparksError(f"BlurIG blurs images, not {tuple(x.shape)} inputs")
        widths = (self.deviation * step / self.steps for step in range(self.steps, -1, -1))
        path = (_blurred(x.detach(), width) for width in widths)
        total = torch.zeros_like(x)
        for (start, before), (end, after) in pairwise(
            _slopes(model, path, target, self.batch_size)
        ):
            total += (end - start) * (before + after) / 2
        return total


def _blurred(x: Tensor, deviation: float) -> Tensor:
    """Convolve images (N, C, H, W) with a Gaussian; a deviation of 0 leaves them as they are."""
    if deviation == 0:
        return x
    down, across = (_gaussian(length, deviation).to(x) for length in x.shape[2:])
    return down @ x @ across.T


def _gaussian(length: int, deviation: float) -> Tensor:
    """Weights (length, length) of each pixel for each pixel along one side of an image."""
    place = torch.arange(length, dtype=torch.float64)
    distance = (place[:, None] - place) / deviation
    return (-(distance**2) / 2).softmax(1)


@dataclass(frozen=True, kw_only=True)
class ExpectedGradients(OfGradients):
    """Mean of (x - x0) · gradient at a point between x0 and x (Erion et al. 2021).

    x0 is drawn from a sample of inputs, the point uniformly: integrated gradients, averaged over
    baselines instead of from a black image, in as many passes as there are draws.

    Attributes:
        references: inputs (M, ...) that baselines are drawn from; or a list of constants, each a
            baseline of that value at all pixels.
        samples: draws, the same for every input; one backward pass each.
        seed: of the draws.

    Example:
        Attributions of a linear model are the differences from the mean baseline.

        >>> ExpectedGradients(references=torch.zeros(1, 3))(linear, x, target)
        tensor([[1., 0., 2.]])
    """

    references: Any = (0.0, 0.5, 1.0)
    samples: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 1, "samples")
        whole(self, 0, "seed")
        if isinstance(self.references, Tensor):
            good = len(self.references) > 0 and self.references.is_floating_point()
        else:
            listed = not isinstance(self.references, str) and hasattr(self.references, "__len__")
            good = listed and len(self.references) > 0
            good = good and all(isinstance(v, int | float) for v in self.references)
        if not good:
            raise SparksError(
                f"ExpectedGradients: references={self.references!r} is neither a tensor of inputs "
                "nor a list of numbers"
            )

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        baselines = self._baselines(x)
        generator = torch.Generator().manual_seed(self.seed)
        which = torch.randint(len(baselines), (self.samples,), generator=generator)
        places = torch.rand(self.samples, generator=generator)
        chosen, x = to_device(baselines, x.device), x.detach()
        drawn = zip(which.tolist(), places.tolist(), strict=True)
        points = (torch.lerp(chosen[row].expand_as(x), x, place) for row, place in drawn)
        slopes = _slopes(model, points, target, self.batch_size)
        total = torch.zeros_like(x)
        for row, (_, slope) in zip(which.tolist(), slopes, strict=True):
            total += (x - chosen[row]) * slope
        return total / self.samples

    def _baselines(self, x: Tensor) -> Tensor:
        """Return baselines (M, ...) that fit inputs (N, ...)."""
        if not isinstance(self.references, Tensor):
            values = torch.tensor([float(value) for value in self.references])
            return values.view(-1, *[1] * (x.ndim - 1)).expand(-1, *x.shape[1:])
        if self.references.shape[1:] != x.shape[1:]:
            raise SparksError(
                f"ExpectedGradients: references of {tuple(self.references.shape)} do not fit "
                f"inputs of {tuple(x.shape)}"
            )
        return self.references


@dataclass(frozen=True, kw_only=True)
class GuidedIG(OfGradients):
    """Integral of the gradient along a path that avoids steep directions (Kapishnikov et al. 2021).

    From a constant image to x, each of `steps` steps covers an equal share of the L1 distance, by
    moving the `fraction` of values whose derivatives are smallest. No value may be further than
    `slack` (a share of its way) from where a straight path would be. Attributions sum nearly to the
    difference of the logit from the baseline's.

    Attributes:
        steps: of the path; as many backward passes.
        fraction: of the values, those with the smallest derivatives move.
        slack: 0 keeps the path straight (IntegratedGradients), 1 leaves it free.
        baseline: constant at which the path starts.

    Example:
        >>> GuidedIG(steps=20)(linear, x, target).round(decimals=4)
        tensor([[1., 0., 2.]])
    """

    steps: int = 50
    fraction: float = 0.25
    slack: float = 0.02
    baseline: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 1, "steps")
        between(self, 0, 1, "fraction")
        between(self, 0, 1, "slack", ends=True)
        between(self, -math.inf, math.inf, "baseline")

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        end = x.detach().flatten(1).double()
        way = end - self.baseline
        done = torch.zeros_like(end)  # share of its way that each value has gone
        total = torch.zeros_like(end)
        for step in range(1, self.steps + 1):
            at = (self.baseline + done * way).to(x.dtype).reshape(x.shape)
            slope = _slope(model, at, target).flatten(1).double()
            moved = self._moved(done, way.abs(), slope.abs(), step / self.steps)
            total += (moved - done) * way * slope
            done = moved
        return total.to(x.dtype).reshape(x.shape)

    def _moved(self, done: Tensor, length: Tensor, steepness: Tensor, share: float) -> Tensor:
        """Move the flattest values until `share` of the L1 distance is behind (N, values).

        Args:
            done: share of its way that each value has gone.
            length: of each value's way.
            steepness: of the score along it.
            share: of the distance.
        """
        lowest, highest = max(share - self.slack, 0.0), min(share + self.slack, 1.0)
        done = done.clamp(min=lowest)
        goal = share * length.sum(1)
        while True:
            missing = goal - (done * length).sum(1)
            open_ = (done < highest) & (length > 0)
            left = (missing > 1e-9 * goal.clamp(min=1e-12)) & open_.any(1)
            if not bool(left.any()):
                return done
            ranked = steepness.masked_fill(~open_, torch.inf)
            most = open_.sum(1, keepdim=True).clamp(min=1) - 1
            rank = most.clamp(max=int(self.fraction * (done.shape[1] - 1)))
            limit = ranked.sort(1).values.gather(1, rank)
            chosen = open_ & (ranked <= limit) & left[:, None]
            room = ((highest - done) * length * chosen).sum(1)
            part = (missing / room.clamp(min=1e-12)).clamp(max=1)[:, None]
            # Exactly the end where all of the way is gone, so that this loop comes to an end.
            further = torch.where(part == 1, highest, done + part * (highest - done))
            done = torch.where(chosen, further, done)
