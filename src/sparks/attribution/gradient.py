"""Methods made of derivatives of the logit.

Colour channels are reduced as each method says, by a key of `REDUCTIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from sparks.checks import between, one_of, whole
from sparks.engine.inference import (
    Logits,
    Model,
    asked,
    device_of,
    evaluating,
    no_derivative,
    refuse_not_finite,
    select_output,
)
from sparks.errors import SparksError
from sparks.models.device import to_device
from sparks.models.folded import folded

# How values (N, C, ...) become maps (N, ...). Note that "mean-abs" is the mean of the sizes, and
# "abs-mean" the size of the mean: in the second, channels of opposite signs cancel.
REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "max-abs": lambda values: values.abs().amax(1),
    "mean-abs": lambda values: values.abs().mean(1),
    "abs-mean": lambda values: values.mean(1).abs(),
    "max": lambda values: values.amax(1),  # for values that are never negative
    "mean": lambda values: values.mean(1),
    "sum": lambda values: values.sum(1),  # signed; keeps completeness
}


def _trapezoid(n: int) -> tuple[Tensor, Tensor]:
    weights = torch.full((n,), 1 / (n - 1), dtype=torch.float64)
    weights[[0, -1]] /= 2
    return torch.linspace(0, 1, n, dtype=torch.float64), weights


def _gauss_legendre(n: int) -> tuple[Tensor, Tensor]:
    places, weights = (torch.from_numpy(t) for t in np.polynomial.legendre.leggauss(n))
    return (1 + places) / 2, weights / 2


# Places in [0, 1] and weights (n,) of the mean of a function of which n values are known.
RULES = {"trapezoid": _trapezoid, "gauss-legendre": _gauss_legendre}


@dataclass(frozen=True)
class OfGradients:
    """Base class of methods that explain batches of inputs by gradients of the logit.

    Attributes:
        channels: a key of `REDUCTIONS`.
        batch_size: inputs per backward pass, the bound on memory.
    """

    channels: str = "sum"
    batch_size: int = 64

    _looked_into: ClassVar[bool] = False  # see `in_batches`

    def __post_init__(self) -> None:
        whole(self, 1, "batch_size")
        one_of(self, REDUCTIONS, "channels")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, that explain the classes `target` (N,)."""
        explain = partial(self._explain, model)
        values = in_batches(model, x, target, self.batch_size, explain, self._looked_into)
        return reduce_channels(values, self.channels)

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        """Return values like x, which requires gradients, before channels are reduced."""
        raise NotImplementedError


@dataclass(frozen=True)
class Saliency(OfGradients):
    """|∂ logit / ∂x| (Simonyan et al. 2014), the largest over channels.

    Example:
        >>> Saliency()(linear, x, target)
        tensor([[1., 0., 2.]])
    """

    channels: str = "max-abs"

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        return gradient(model, x, target)


@dataclass(frozen=True)
class GradientInput(OfGradients):
    """x · ∂ logit / ∂x (Shrikumar et al. 2017), summed over channels.

    Example:
        >>> GradientInput()(linear, 3 * x, target)
        tensor([[3., 0., 6.]])
    """

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        return x.detach() * gradient(model, x, target)


@dataclass(frozen=True)
class IntegratedGradients:
    """(x - x0) · mean gradient from x0 to x (Sundararajan et al. 2017), summed over channels.

    Attributes:
        steps: points on the way.
        rule: how their gradients are averaged: "trapezoid", or "gauss-legendre", whose error at as
            many points is several times smaller.
        baseline: x0, a constant.
        channels: a key of `REDUCTIONS`.
        batch_size: inputs per backward pass, the bound on memory.

    Example:
        Attributions sum to the difference of the logit from the baseline's.

        >>> maps = IntegratedGradients()(linear, x, target)
        >>> maps.round(decimals=4)
        tensor([[1., 0., 2.]])
    """

    steps: int = 50
    baseline: float = 0.0
    channels: str = "sum"
    batch_size: int = 64
    rule: str = "trapezoid"

    def __post_init__(self) -> None:
        whole(self, 2, "steps")
        whole(self, 1, "batch_size")
        between(self, -math.inf, math.inf, "baseline")
        one_of(self, REDUCTIONS, "channels")
        one_of(self, RULES, "rule")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, that explain the classes `target` (N,)."""
        explain = partial(self._explain, model)
        # All steps of an image in one batch where they fit.
        images = max(1, self.batch_size // self.steps)
        values = in_batches(model, x, target, images, explain, looked_into=False)
        return reduce_channels(values, self.channels)

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        way = x.detach() - self.baseline
        rule = (to_device(t.to(x.dtype), x.device) for t in RULES[self.rule](self.steps))
        places, weights = (t.view(-1, *[1] * x.ndim) for t in rule)
        total = torch.zeros_like(way)
        copies = max(1, self.batch_size // len(x))
        for start in range(0, self.steps, copies):
            some, share = (t[start : start + copies] for t in (places, weights))
            points = (self.baseline + some * way).flatten(0, 1).requires_grad_()
            goals = None if target is None else target.repeat(len(some))
            total += (share * gradient(model, points, goals).reshape(-1, *x.shape)).sum(0)
        return way * total


def gradient(model: Model, x: Tensor, target: Tensor | None) -> Tensor:
    """∂ logit of `target` / ∂x, like x, which requires gradients.

    NaN for an input whose logits are not finite: nobody waits here for a GPU to tell.
    """
    logits = Logits(model, target, refuse=False)(x)
    slope = slopes(select_output(logits, target, "logit"), x, "its inputs")
    bad = ~logits.detach().isfinite().all(1)
    return slope.masked_fill_(bad.view(-1, *[1] * (x.ndim - 1)), torch.nan)


def slopes(score: Tensor, at: Tensor, name: str) -> Tensor:
    """∂ Σ score / ∂at, like `at`.

    Raises:
        SparksError: when the score does not depend on it by steps that have derivatives.
    """
    found = None
    if score.requires_grad and at.requires_grad:
        (found,) = torch.autograd.grad(score.sum(), at, allow_unused=True)
    if found is None:
        raise no_derivative(name)
    return found


def in_batches(
    model: Model,
    x: Tensor,
    target: Any,
    batch_size: int,
    explain: Callable[..., Tensor],
    looked_into: bool = True,
) -> Tensor:
    """Apply `explain(part, target=…)` to parts of the inputs, on the model's device.

    The inputs require gradients, also where the caller has switched them off, and the model is in
    evaluation mode meanwhile. The result needs none. Targets stay on the CPU, where their largest
    is known without waiting for a GPU.

    Args:
        model: asked.
        x: inputs (N, ...).
        target: see `sparks.engine.inference.asked`.
        batch_size: inputs of a part.
        explain: see above.
        looked_into: layers of the model are looked at, or changed; else they may be others that
            compute the same faster (see `sparks.models.folded`).

    Raises:
        SparksError: when a value is not finite (the input is named), the inputs are not real, or
            inputs or targets are none that `sparks.engine.inference.asked` knows.
    """
    classes = asked(model, x, target)
    if not x.is_floating_point():
        raise SparksError("gradient methods explain real inputs: use a black-box method for tokens")
    if torch.is_inference_mode_enabled():
        raise SparksError(
            "gradient methods need derivatives, which torch.inference_mode switches off for good: "
            "call them outside of it (torch.no_grad does no harm)"
        )
    refuse_not_finite(x, "input {}")
    device = device_of(model, x)
    classes = None if classes is None else classes.cpu()
    results = []
    faster = nullcontext() if looked_into else folded(model, x)
    with evaluating(model), faster, torch.enable_grad():
        for start in range(0, len(x), batch_size):
            # A copy: tensors made in inference mode have no derivatives.
            part = to_device(x[start : start + batch_size].detach().clone(), device)
            goals = None if classes is None else classes[start : start + batch_size]
            results.append(explain(part.requires_grad_(), target=goals).detach())
    values = torch.cat(results)
    refuse_not_finite(values, "the model's output for input {}, or the explanation made of it,")
    return values.to(x.device)


def reduce_channels(values: Tensor, how: str) -> Tensor:
    """Reduce channels: maps (N, H, W) of (N, C, H, W), or (N, d) of (N, d, L).

    Vectors (N, d) have no channels, only a sign.

    Args:
        values: one for each number of the input.
        how: a key of `REDUCTIONS`.
    """
    if how not in REDUCTIONS:
        raise SparksError(f"channels {how!r} is unknown: choose one of {list(REDUCTIONS)}")
    if values.ndim == 3:
        channelled = values.movedim(2, 1)
    else:
        channelled = values if values.ndim == 4 else values.unsqueeze(1)
    return REDUCTIONS[how](channelled).float()
