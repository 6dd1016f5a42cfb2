"""Detection of the activation functions that a model calls, as modules or as plain functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from sparks.engine.inference import Model, device_of, dtype_of, evaluating
from sparks.models.device import to_device
from sparks.models.relus import CAPPED, OTHERS, RELUS

_GATES = (torch.sigmoid, torch.tanh, Tensor.sigmoid, Tensor.tanh, functional.hardsigmoid)
_SUMS = (torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__, Tensor.__radd__)
_EVERY = (*RELUS, *OTHERS, *CAPPED, *_GATES)


def scripted(model: Model) -> bool:
    """Return whether a model is, or contains, TorchScript, whose modules take no hooks."""
    modules = model.modules() if isinstance(model, nn.Module) else ()
    return any(isinstance(module, torch.jit.ScriptModule) for module in modules)


def without_module(model: Model, x: Tensor, sums: bool = False) -> set[str]:
    """Return the activation functions that a model calls on x (N, ...) other than by modules.

    Hooks on modules, of which some methods are made, do not see these.

    Args:
        model: which is run.
        x: its inputs.
        sums: name sums of two tensors as well, such as those of residual blocks.
    """
    within = 0

    def enter(*_: Any) -> None:
        nonlocal within
        within += 1

    def leave(*_: Any) -> None:
        nonlocal within
        within -= 1

    found: set[str] = set()

    class Watching(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func in _EVERY and not within:
                found.add(func.__name__)
            if sums and func in _SUMS and all(isinstance(a, Tensor) for a in args[:2]):
                found.add("+")
            return func(*args, **(kwargs or {}))

    modules = model.modules() if isinstance(model, nn.Module) else ()
    hooks = [
        hook
        for module in modules
        if type(module).__module__ == "torch.nn.modules.activation"
        for hook in (
            module.register_forward_pre_hook(enter),
            module.register_forward_hook(leave, always_call=True),
        )
    ]
    part = to_device(x.to(dtype_of(model) or x.dtype), device_of(model, x)).clone()
    try:
        with torch.no_grad(), evaluating(model), Watching():
            model(part)
    finally:
        for hook in hooks:
            hook.remove()
    return found
