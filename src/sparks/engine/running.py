"""Run a model for scores: evaluation mode, device, and which number of its output counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sparks.errors import SparksError
from sparks.models.device import tf32

Model = Callable[[Tensor], Tensor]

OUTPUTS = ("logit", "probability")


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Put a module in evaluation mode, and give every sub-module its own mode back.

    Meanwhile float32 is float32 on a GPU too (see `tf32`).
    """
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    training = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        with tf32(allowed=False):
            yield
    finally:
        for module, was in zip(modules, training, strict=True):
            module.training = was


def device_of(model: Model, x: Tensor) -> torch.device:
    """Where a model's parameters are; where `x` is, for a model without parameters."""
    if isinstance(model, nn.Module):
        for tensor in (*model.parameters(), *model.buffers()):
            return tensor.device
    return x.device


def pick(outputs: Tensor, target: Tensor | None, output: str) -> Tensor:
    """One score per input, float32 (b,), from a model's outputs (b, classes).

    Args:
        outputs: logits (b, classes), or scores (b,) of a function that has no classes.
        target: int64 (b,), the class to score; not used for scores (b,).
        output: "logit", or "probability" (softmax).
    """
    if output not in OUTPUTS:
        raise SparksError(f"output {output!r} is unknown: choose one of {OUTPUTS}")
    outputs = outputs.float()
    if outputs.ndim == 1:
        return outputs
    if target is None:
        raise SparksError("a model with several outputs needs a target class for each input")
    if output == "probability":
        outputs = outputs.softmax(1)
    return outputs.gather(1, target[:, None])[:, 0]
