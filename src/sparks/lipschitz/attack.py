"""The smallest perturbation that changes a class, as small as a strong attack finds it.

Decoupled direction and norm (Rony et al. 2019, arXiv 1811.09600): projected gradient descent on
spheres whose radius shrinks while the class is changed and grows while it is not. Several starts,
and every success is pulled back towards the input by bisection. Values are not clipped to [0, 1]:
that would only help the defender.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Margin = Callable[[Tensor], Tensor]


def smallest_perturbation(
    margin: Margin, x: Tensor, steps: int = 100, restarts: int = 3, seed: int = 0
) -> Tensor:
    """Return the smallest perturbations that the attack finds to bring the margin to 0 or below.

    The attack decouples direction and norm (Rony et al. 2019); see `sparks.lipschitz.attack`.

    Args:
        margin: differentiable function of inputs (N, ...) with values (N,), positive while the
            class is kept: the opposite of `sparks.engine.outputs.adversarial_margin`.
        x: inputs (N, ...), of any values: perturbed ones are not clipped.
        steps: gradient steps of each start, at least 1.
        restarts: number of starts, at least 1: the first at x, the others beside it.
        seed: of the other starts.

    Returns:
        Perturbations like x; NaN where none was found. Zero where the margin is not positive.

    Example:
        The shortest way from (3, 1) to the line x₁ = x₂ is (-1, 1).

        >>> def margin(points):
        ...     logits = net(points)
        ...     return logits[:, 0] - logits[:, 1]
        >>> smallest_perturbation(margin, x, steps=30, restarts=1).round(decimals=2)
        tensor([[-1.,  1.]])
    """
    generator = torch.Generator().manual_seed(seed)
    best = torch.full_like(x, torch.nan)
    best[margin(x.detach()) <= 0] = 0.0
    for start in range(restarts):
        best = _keep_smaller(best, _gradient_walk(margin, x, steps, start, generator))
    return _pull_back(margin, x, best)


def _gradient_walk(
    margin: Margin, x: Tensor, steps: int, start: int, generator: torch.Generator
) -> Tensor:
    best = torch.full_like(x, torch.nan)
    value, slope = _value_and_slope(margin, x)
    # Where the margin is linear, it is 0 at this distance.
    radius = value.clamp(min=1e-6) / _norm(slope).clamp(min=1e-6)
    delta = torch.zeros_like(x)
    if start:
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
        delta = _scale(noise, 0.5 * radius)
    for step in range(steps):
        value, slope = _value_and_slope(margin, x + delta)
        best = _keep_smaller(best, torch.where(_column(value <= 0, x), delta, torch.nan))
        share = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / steps)).item())
        delta = delta - _scale(slope, (0.05 + 0.95 * share) * radius)
        radius = radius * torch.where(value <= 0, 1 - 0.1 * share - 0.01, 1 + 0.1 * share + 0.01)
        delta = _scale(delta, radius)
    return best


def _value_and_slope(margin: Margin, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.detach().requires_grad_()
    value = margin(x)
    (slope,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), slope


def _pull_back(margin: Margin, x: Tensor, delta: Tensor, rounds: int = 30) -> Tensor:
    """Move each success towards the input as far as the class stays changed."""
    low, high = torch.zeros(len(x)).to(x), torch.ones(len(x)).to(x)
    whole = delta.nan_to_num()
    for _ in range(rounds):
        middle = (low + high) / 2
        with torch.no_grad():
            changed = margin(x + _column(middle, x) * whole) <= 0
        low, high = torch.where(changed, low, middle), torch.where(changed, middle, high)
    return _column(high, x) * delta


def _keep_smaller(one: Tensor, other: Tensor) -> Tensor:
    a, b = (_norm(d).nan_to_num(torch.inf) for d in (one, other))
    return torch.where(_column(a <= b, one), one, other)


def _norm(values: Tensor) -> Tensor:
    lengths: Tensor = values.flatten(1).norm(dim=1)
    return lengths


def _column(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *[1] * (x.ndim - 1))


def _scale(values: Tensor, length: Tensor) -> Tensor:
    """Scale directions to the lengths (N,)."""
    return values * _column(length / _norm(values).clamp(min=1e-12), values)
