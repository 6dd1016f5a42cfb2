"""Backward passes with another rule at each ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from sparks.attribution.activations import scripted
from sparks.attribution.gradient import OfGradients, gradient
from sparks.engine.inference import Model, device_of, dtype_of, evaluating
from sparks.errors import SparksError
from sparks.models.device import to_device
from sparks.models.relus import RectifiersReplaced


@dataclass(frozen=True)
class RectifiedBackward(OfGradients):
    """A backward pass with another rule at every ReLU and ReLU6 of the model."""

    channels: str = "max-abs"

    _looked_into: ClassVar[bool] = True

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        with self._rectifying() as seen:
            slope = gradient(model, x, target)
        self._refuse(model, seen)
        return slope

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
