"""Methods made of derivatives of the logit. Captum computes them; memory is bounded here.

Colour channels are reduced as each method says: "max-abs" (largest absolute value), "mean-abs",
"max" (for values that are never negative), or "sum" (signed; keeps completeness).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sparks.engine.running import Model, device_of, evaluating
from sparks.errors import SparksError
from sparks.models.device import to_device

REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "max-abs": lambda values: values.abs().amax(1),
    "mean-abs": lambda values: values.abs().mean(1),
    "max": lambda values: values.amax(1),
    "sum": lambda values: values.sum(1),
}


@dataclass(frozen=True)
class Saliency:
    """|∂ logit / ∂x| (Simonyan et al. 2014), the largest over channels.

    Attributes:
        channels: a key of `REDUCTIONS`.
        batch_size: inputs per backward pass, the bound on memory.
    """

    channels: str = "max-abs"
    batch_size: int = 64

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Maps; see the package."""
        explain = partial(gradient, model)
        values = in_batches(model, x, target, self.batch_size, explain)
        return reduce_channels(values, self.channels)


@dataclass(frozen=True)
class GradientInput:
    """x · ∂ logit / ∂x (Shrikumar et al. 2017), summed over channels."""

    channels: str = "sum"
    batch_size: int = 64

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Maps; see the package."""
        explain = partial(gradient, model)
        values = x * in_batches(model, x, target, self.batch_size, explain)
        return reduce_channels(values, self.channels)


@dataclass(frozen=True)
class IntegratedGradients:
    """(x - x0) · mean gradient from x0 to x (Sundararajan et al. 2017), summed over channels.

    Attributes:
        steps: points of the trapezoid rule.
        baseline: x0, a constant.
        channels: a key of `REDUCTIONS`.
        batch_size: inputs per backward pass, the bound on memory.
    """

    steps: int = 50
    baseline: float = 0.0
    channels: str = "sum"
    batch_size: int = 64

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Maps; see the package."""
        from captum.attr import IntegratedGradients as Method

        if self.steps < 2:
            raise SparksError(f"IntegratedGradients needs at least 2 steps, not {self.steps}")

        explain = partial(
            Method(model).attribute,
            baselines=self.baseline,
            n_steps=self.steps,
            method="riemann_trapezoid",
            internal_batch_size=self.batch_size,
        )
        # All steps of an image in one batch where they fit: Captum repeats a step where it divides.
        values = in_batches(model, x, target, max(1, self.batch_size // self.steps), explain)
        # The weights of Captum's trapezoid rule sum to (steps - 1) / steps, not to 1.
        return reduce_channels(values * self.steps / (self.steps - 1), self.channels)


def gradient(model: Model, x: Tensor, target: Tensor) -> Tensor:
    """∂ logit of `target` / ∂x, like x."""
    from captum.attr import Saliency as Method

    grads: Tensor = Method(model).attribute(x, target=target, abs=False)
    return grads


def in_batches(
    model: Model,
    x: Tensor,
    target: Tensor,
    batch_size: int,
    explain: Callable[..., Tensor],
) -> Tensor:
    """Apply `explain(part, target=…)` to parts of the inputs, on the model's device.

    The inputs require gradients, the model is in evaluation mode meanwhile.

    Raises:
        SparksError: when a value is not finite (the input is named), or the inputs are not real.
    """
    if not x.is_floating_point():
        raise SparksError("gradient methods explain real inputs: use a black-box method for tokens")
    refuse_not_finite(x, "input {}")
    device = device_of(model, x)
    results = []
    with evaluating(model), finite_outputs(model):
        for start in range(0, len(x), batch_size):
            part = to_device(x[start : start + batch_size].detach(), device).requires_grad_()
            goals = to_device(target[start : start + batch_size], device)
            results.append(explain(part, target=goals).detach())
    values = torch.cat(results)
    refuse_not_finite(values, "the explanation of input {}")
    return values.to(x.device)


def refuse_not_finite(values: Tensor, name: str) -> None:
    """Raise an error that names the first row of `values` (N, ...) with NaN or infinity."""
    bad = (~values.flatten(1).isfinite().all(1)).nonzero()
    if len(bad):
        raise SparksError(f"{name.format(int(bad[0]))} holds NaN or infinite values")


@contextmanager
def finite_outputs(model: Model) -> Iterator[None]:
    """Check every output of a module: behind ReLU, the gradient of NaN is a harmless-looking 0."""

    def check(_: nn.Module, __: Any, logits: Tensor) -> None:
        refuse_not_finite(logits, "the model's output for row {} of a batch")

    hook = model.register_forward_hook(check) if isinstance(model, nn.Module) else None
    try:
        yield
    finally:
        if hook:
            hook.remove()


def reduce_channels(values: Tensor, how: str) -> Tensor:
    """Maps of values: (N, H, W) of (N, C, H, W), (N, d) of (N, d, L), whose channels are places.

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
