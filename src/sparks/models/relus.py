"""ReLUs with another backward pass.

Calls of PyTorch's functions are intercepted, so that it holds for nn.ReLU and nn.ReLU6 modules
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

RELUS = (functional.relu, functional.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
# Activations that stand where a ReLU would.
OTHERS: tuple[Callable[..., Any], ...] = (
    *(functional.celu, functional.elu, functional.gelu, functional.hardswish, functional.silu),
    *(functional.leaky_relu, functional.mish, functional.prelu, functional.rrelu, functional.selu),
    *(functional.softplus, functional.threshold, functional.glu, functional.logsigmoid),
    *(functional.softshrink, functional.hardshrink, functional.tanhshrink, torch.prelu),
    *(functional.leaky_relu_, functional.elu_, functional.selu_, functional.celu_),
    *(functional.rrelu_, torch.threshold_, torch.selu, torch.celu, torch.rrelu),
)
CAPPED = (functional.relu6, functional.hardtanh, functional.hardtanh_)
_IN_PLACE = (functional.relu_, torch.relu_, Tensor.relu_, functional.hardtanh_)


@dataclass(eq=False)
class RectifiersReplaced(TorchFunctionMode):
    """A context in which ReLUs are computed by another function.

    Attributes:
        rule: inputs x of any shape, and the cap of the ReLU (6 for ReLU6, else infinity) →
            min(max(x, 0), cap), whose backward pass may be any.
        calls: ReLUs called so far.
        others: names of activations called that `rule` does not replace.
    """

    rule: Callable[[Tensor, float], Tensor]
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
        """Call a function of PyTorch, or `rule` if it is a ReLU."""
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
        rectified = self.rule(input, cap)
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


def redirecting() -> RectifiersReplaced:
    """Return a context in which gradients pass ReLUs that would stop all of an input's gradient.

    Where a ReLU's gradient vanishes for a whole input of the batch, that of the places where a
    larger input to the ReLU would raise the score passes instead. Other inputs of the batch are not
    changed. Lucid does so in the first 16 steps of feature visualisation (`redirected_relu_grad`;
    Olah et al. 2017).
    """
    return RectifiersReplaced(_Redirected.apply)


class _Redirected(torch.autograd.Function):
    """The function min(max(x, 0), cap) with the backward pass that `redirecting` describes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cap: float) -> Tensor:
        ctx.save_for_backward((x > 0) & (x < cap))
        return x.clamp(0, cap)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        passed = grads[0] * inside
        dead = ~passed.flatten(1).any(1).view(-1, *[1] * (passed.ndim - 1))
        return torch.where(dead, grads[0].clamp(min=0), passed), None
