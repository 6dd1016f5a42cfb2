"""Backward passes with another rule at each ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sparks.attribution.activations import scripted
from sparks.attribution.gradient import REDUCTIONS, gradient, in_batches, reduce_channels
from sparks.checks import one_of, whole
from sparks.engine.inference import Model, device_of, dtype_of, evaluating
from sparks.errors import SparksError
from sparks.models.device import to_device
from sparks.models.relus import RectifiersReplaced


@dataclass(frozen=True)
class RectifiedBackward:
    """A backward pass with another rule at every ReLU and ReLU6 of the model.

    Attributes:
        channels: how derivatives become one number a pixel: one of `REDUCTIONS`.
        batch_size: inputs per backward pass: bounds memory.
    """

    channels: str = "max-abs"
    batch_size: int = 64

    def __post_init__(self) -> None:
        whole(self, 1, "batch_size")
        one_of(self, REDUCTIONS, "channels")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, that explain the classes `target` (N,)."""

        def explain(part: Tensor, target: Tensor | None) -> Tensor:
            with self._rectifying() as seen:
                slope = gradient(model, part, target)
            self._refuse(model, seen)
            return slope

        values = in_batches(model, x, target, self.batch_size, explain)
        return reduce_channels(values, self.channels)

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse a model that these methods cannot explain, from one pass of inputs x (N, ...).

        Raises:
            SparksError: when it calls no ReLU, or other activations that have no rule.
        """
        part = to_device(x.to(dtype_of(model) or x.dtype), device_of(model, x)).clone()
        with torch.no_grad(), evaluating(model), self._rectifying() as seen:
            model(part)
        self._refuse(model, seen)

    def _refuse(self, model: Model, seen: RectifiersReplaced) -> None:
        name = type(self).__name__
        if scripted(model):
            raise SparksError(f"{name} cannot see into TorchScript: give it the Python module")
        if seen.others:
            raise SparksError(
                f"{name} has a rule for ReLU and ReLU6 alone, and the model calls "
                f"{', '.join(sorted(seen.others))} too: use Saliency"
            )
        if not seen.calls:
            raise SparksError(
                f"{name} changes the backward pass of ReLUs, and the model has none: use Saliency"
            )

    def _rectifying(self) -> RectifiersReplaced:
        gated = self._gated()
        return RectifiersReplaced(lambda x, cap: _Rule.apply(x, cap, gated))

    def _gated(self) -> bool:
        """Return whether gradients also stop where the ReLU's input was clipped, at 0 or a cap."""
        raise NotImplementedError


@dataclass(frozen=True)
class GuidedBackprop(RectifiedBackward):
    """Negative gradients stopped at each ReLU too (Springenberg et al. 2015).

    Example:
        >>> GuidedBackprop()(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    def _gated(self) -> bool:
        return True


@dataclass(frozen=True)
class DeconvNet(RectifiedBackward):
    """Negative gradients alone stopped at each ReLU (Zeiler & Fergus 2014).

    Example:
        >>> DeconvNet()(net, images, classes).shape
        torch.Size([2, 16, 16])
    """

    def _gated(self) -> bool:
        return False


class _Rule(torch.autograd.Function):
    """min(max(x, 0), cap), whose gradient is that of the rule."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cap: float, gated: bool) -> Tensor:
        if gated:
            ctx.save_for_backward((x > 0) & (x < cap))
        return x.clamp(0, cap)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None, None]:
        passed = grads[0].clamp(min=0)
        for inside in ctx.saved_tensors:
            passed = passed * inside
        return passed, None, None
