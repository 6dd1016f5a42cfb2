"""Backward passes with another rule at each ReLU.

The rule is put in at the call of the function, so that it holds for nn.ReLU and nn.ReLU6 modules
(shared ones and those that work in place too), functional ReLUs and methods of tensors alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from sparks.attribution.activations import CAPPED, OTHERS, RELUS, scripted
from sparks.attribution.gradient import REDUCTIONS, gradient, in_batches, reduce_channels
from sparks.checks import one_of, whole
from sparks.engine.inference import Model, device_of, dtype_of, evaluating
from sparks.errors import SparksError
from sparks.models.device import to_device

_IN_PLACE = (functional.relu_, torch.relu_, Tensor.relu_, functional.hardtanh_)


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
            with Rectifying(self._gated()) as seen:
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
        with torch.no_grad(), evaluating(model), Rectifying(self._gated()) as seen:
            model(part)
        self._refuse(model, seen)

    def _refuse(self, model: Model, seen: Rectifying) -> None:
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


@dataclass(eq=False)
class Rectifying(TorchFunctionMode):
    """ReLUs called within the block have another backward pass.

    Attributes:
        gated: whether gradients also stop where the ReLU's own would.
        calls: ReLUs called so far.
        others: names of activations called that have no rule.
    """

    gated: bool
    calls: int = 0
    others: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch, another one instead of a ReLU."""
        kwargs = kwargs or {}
        if func in RELUS:
            return self._relu(torch.inf, func, *args, **kwargs)
        if func is functional.relu6:
            return self._relu(6.0, func, *args, **kwargs)
        if func in CAPPED:
            return self._hardtanh(func, *args, **kwargs)
        if func in OTHERS:
            self.others.add(func.__name__)
        return func(*args, **kwargs)

    def _relu(
        self, cap: float, func: Callable[..., Any], input: Tensor, inplace: bool = False
    ) -> Tensor:
        self.calls += 1
        rectified: Tensor = _Rule.apply(input, cap, self.gated)
        return input.copy_(rectified) if inplace or func in _IN_PLACE else rectified

    def _hardtanh(
        self,
        func: Callable[..., Any],
        input: Tensor,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
    ) -> Any:
        if min_val == 0:
            return self._relu(max_val, func, input, inplace)
        self.others.add("hardtanh")
        return func(input, min_val, max_val, inplace)


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
