"""Projected gradient descent: lower bounds of the adversarial overlap (Madry et al. 2018).

The adversarial overlap (AO) of x on a set B is the largest margin f_c'(x + δ) - f_c(x + δ) of
another class c' over the class c, for δ in B. An attack finds at most that, `bounding` proves a
bound that is at least that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.checks import whole
from sparks.engine.inference import Model, device_of, evaluating
from sparks.engine.outputs import adversarial_margin
from sparks.models.device import to_device


@dataclass(frozen=True)
class Attack:
    """Signed gradient steps within |δ| ≤ epsilon · free, images kept in [0, 1] (Madry et al. 2018).

    Attributes:
        steps: number of steps of gradient ascent on the margin, at least 1, each of a length of
            2.5 epsilon / steps; the first starts at x.
        clip: keep attacked images in [0, 1].
        batch_size: inputs per backward pass, the bound on memory.

    Raises:
        SparksError: when a setting is out of range.

    Example:
        f is the score of class 1, so for class 0 it is the margin; it is largest at (0.85, 0.15).

        >>> x, target = torch.tensor([[0.6, 0.4]]), torch.tensor([0])
        >>> free, epsilon = torch.ones_like(x), torch.tensor([0.25])
        >>> Attack()(net, x, target, free, epsilon)
        tensor([0.7000])
    """

    steps: int = 20
    clip: bool = True
    batch_size: int = 512

    def __post_init__(self) -> None:
        whole(self, 1, "steps", "batch_size")

    def __call__(
        self, model: Model, x: Tensor, target: Tensor, free: Tensor, epsilon: Tensor
    ) -> Tensor:
        """Return the largest margin found for each row, (b,), including x; above 0 the class flips.

        Args:
            model: batch (b, ...) → logits (b, classes), or (b, 1).
            x: inputs (b, ...).
            target: the class c of each, int64 (b,).
            free: how far each element may move in units of epsilon, in [0, 1], like x.
            epsilon: radius of each input's set, in units of x, (b,).
        """
        return self._run(model, x, target, free, epsilon, until=math.inf)

    def distance(
        self,
        model: Model,
        x: Tensor,
        target: Tensor,
        free: Tensor,
        largest: float = 1.0,
        rounds: int = 6,
    ) -> Tensor:
        """Return the smallest epsilon at which the class flips, (b,); `largest` if it never does.

        Bisection of 0 … largest: off by at most largest / 2^rounds from what the attack can find.

        Args:
            model: see `__call__`.
            x: inputs (b, ...).
            target: the class of each, int64 (b,).
            free: see `__call__`.
            largest: the largest epsilon that is tried.
            rounds: number of steps of the bisection.
        """
        high = torch.full((len(x),), largest)
        low = torch.zeros(len(x))
        asked = self._flips(model, x, target, free, high.to(x.device))
        todo = asked.nonzero()[:, 0]
        for _ in range(rounds):
            half = (low[todo] + high[todo]) / 2
            at = todo.to(x.device)
            flipped = self._flips(model, x[at], target[at], free[at], half.to(x.device))
            high[todo] = torch.where(flipped, half, high[todo])
            low[todo] = torch.where(flipped, low[todo], half)
        return high.to(x.device)

    def _flips(
        self, model: Model, x: Tensor, target: Tensor, free: Tensor, epsilon: Tensor
    ) -> Tensor:
        """Return whether the class flips, (b,) on the CPU: a row needs no step more once it has."""
        return self._run(model, x, target, free, epsilon, until=0.0).cpu() > 0

    def _run(
        self, model: Model, x: Tensor, target: Tensor, free: Tensor, epsilon: Tensor, until: float
    ) -> Tensor:
        """Return the largest margin found for each row, (b,); a row above `until` ends there."""
        device = device_of(model, x)
        rows = (torch.split(t, self.batch_size) for t in (x, target, free, epsilon))
        with evaluating(model), torch.enable_grad():
            found = [
                self._batch(model, until, *(to_device(t, device) for t in batch)).to(x.device)
                for batch in zip(*rows, strict=True)
            ]
        return torch.cat(found) if found else x.new_zeros(0)

    def _batch(
        self, model: Model, until: float, x: Tensor, target: Tensor, free: Tensor, epsilon: Tensor
    ) -> Tensor:
        radius = free * epsilon.view(-1, *[1] * (x.ndim - 1))
        low, high = x - radius, x + radius
        if self.clip:
            low, high = low.clamp(0, 1), high.clamp(0, 1)
        now = x.detach()
        best = torch.full_like(epsilon, -torch.inf)
        rows = torch.arange(len(x), device=x.device)  # those that go on
        for step in range(self.steps + 1):
            now.requires_grad_()
            value = adversarial_margin(model(now), target)
            best[rows] = torch.maximum(best[rows], value.detach())
            if step == self.steps:
                break
            (slope,) = torch.autograd.grad(value.sum(), now)
            moved = now.detach() + 2.5 / self.steps * radius * slope.sign()
            now = torch.maximum(torch.minimum(moved, high), low)
            if until < math.inf:
                on = ~(value.detach() > until)
                if not on.any():
                    break
                parts = (rows, now, target, radius, low, high)
                rows, now, target, radius, low, high = (part[on] for part in parts)
        return best
