"""Ask a model for scores: its mode, device and precision, and which number of its output counts.

What may be asked is decided here: which inputs (`asked`), which outputs and targets
(`sparks.engine.outputs`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from sparks.engine.outputs import check_classes, classes_of, scores_of
from sparks.errors import SparksError

Model = Callable[[Tensor], Tensor]

OUTPUTS = ("logit", "probability")

# Values of images may leave their range by this much, which is more than rounding in any precision.
TOLERANCE = 1e-2

_moved: ContextVar[bool] = ContextVar("inputs moved on purpose", default=False)


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Put a module in evaluation mode, and give every sub-module its own mode back.

    Meanwhile float32 is float32 on a GPU too (see `repeatable`).
    """
    from sparks.models.device import repeatable  # here: metrics that ask no model need no networks

    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    training = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        with repeatable(tf32=False):
            yield
    finally:
        for module, was in zip(modules, training, strict=True):
            module.training = was


def device_of(model: Model, x: Tensor) -> torch.device:
    """Return the device of a model's parameters, or of `x` for a model without parameters."""
    if isinstance(model, nn.Module):
        for tensor in chain(model.parameters(), model.buffers()):
            return tensor.device
    return x.device


def dtype_of(model: Model) -> torch.dtype | None:
    """Return the type of a model's real parameters, to which inputs are cast; None without any."""
    if isinstance(model, nn.Module):
        for tensor in chain(model.parameters(), model.buffers()):
            if tensor.is_floating_point():
                return tensor.dtype
    return None


def asked(model: Model | None, x: Tensor, target: Any) -> Tensor | None:
    """Check what a method or metric is asked, before the model is.

    Args:
        model: may say by an attribute `input_range` that its images are not in [0, 1]: a pair of
            numbers, or None for images of any values.
        x: inputs (N, ...).
        target: as in `sparks.engine.outputs.classes_of`.

    Returns:
        The class to explain of each input, int64 (N,), where it was; None for None.

    Raises:
        SparksError: when inputs are no tensor, images are integers or outside of their range, or
            a target is none.
    """
    check_inputs(model, x)
    return classes_of(target, len(x))


def check_inputs(model: Model | None, x: Tensor) -> None:
    """Refuse what is no tensor, and images that are integers or outside of the model's range."""
    if not isinstance(x, Tensor):
        raise SparksError(f"inputs are a {type(x).__name__}: give a tensor, as torch.as_tensor has")
    if x.ndim != 4:
        return  # vectors, texts and concepts have any values
    if not x.is_floating_point():
        raise SparksError(f"images are {x.dtype}: give real numbers in [0, 1], as x.float() / 255")
    limits = getattr(model, "input_range", (0.0, 1.0))
    if limits is None or x.numel() == 0 or _moved.get():
        return
    low, high = float(x.detach().min()), float(x.detach().max())
    if not (math.isfinite(low) and math.isfinite(high)):
        return  # what asks the model names the input
    if low < limits[0] - TOLERANCE or high > limits[1] + TOLERANCE:
        raise SparksError(
            f"images have values from {low:.3g} to {high:.3g}, outside of "
            f"[{limits[0]:g}, {limits[1]:g}]: normalise inside the model (mean and std of "
            "sparks.models.Classifier), or say what it takes by model.input_range (None for any)"
        )


@contextmanager
def moved_inputs() -> Iterator[None]:
    """Allow images of any values meanwhile: a metric's noisy copies leave the range on purpose."""
    token = _moved.set(True)
    try:
        yield
    finally:
        _moved.reset(token)


class Logits(nn.Module):
    """Wraps a model for differentiation: inputs like x → logits (b, classes), or (b, 1).

    It gets a copy of its inputs, which its first layer may overwrite, in its parameters' precision;
    what it returns is read by `sparks.engine.outputs`, and refused where it is not finite: behind
    a ReLU, the gradient of NaN is a harmless-looking 0.

    Args:
        model: batch (b, ...) → logits (b, classes), or scores (b,).
        target: classes that it must have, int64 (b,); None for a model of one score.
        refuse: raise an error for outputs that are not finite; if False, the caller checks them,
            which spares a GPU the wait.
    """

    def __init__(self, model: Model, target: Tensor | None, refuse: bool = True) -> None:
        super().__init__()
        self.model = model
        self.refuse = refuse
        self.dtype = dtype_of(model)
        self.largest = None if target is None else int(target.max()) if len(target) else 0

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, or one score per input (b, 1)."""
        logits = scores_of(self.model(x.clone().to(self.dtype or x.dtype)))
        check_classes(logits, self.largest)
        if self.refuse:
            refuse_not_finite(logits, "the model's output for row {} of a batch")
        if x.requires_grad and torch.is_grad_enabled() and not logits.requires_grad:
            raise no_derivative("its inputs")
        return logits


def no_derivative(name: str) -> SparksError:
    """Return the error for a model whose output has no derivative by its inputs, or by a layer."""
    return SparksError(
        f"the model's output has no derivative by {name}: a step on the way has none "
        "(rounding, argmax, detach, torch.no_grad within the model); use a black-box method"
    )


def refuse_not_finite(values: Tensor, name: str) -> None:
    """Raise an error that names the first of `values` (N, ...) that is NaN or infinite.

    Args:
        values: one row an input.
        name: what they are; "{}" stands for the row, a second "{}" for the place in the row.
    """
    bad = (~values.isfinite()).nonzero()
    if len(bad):
        raise SparksError(f"{name.format(*bad[0].tolist())} holds NaN or infinite values")


def select_output(
    outputs: Any, target: Tensor | None, output: str, largest: int | None = None
) -> Tensor:
    """Return one score per input, float32 (b,), from what a model returned.

    Args:
        outputs: see `sparks.engine.outputs`.
        target: int64 (b,), the class to score; None for a model of one score per input. Where it
            is on the CPU, its largest is known without waiting for a GPU.
        output: "logit", or "probability" (softmax; a single score stays what it is).
        largest: the largest class of all inputs, where it is known without waiting for a GPU.
    """
    from sparks.models.device import to_device  # here, as in `evaluating`

    if output not in OUTPUTS:
        raise SparksError(f"output {output!r} is unknown: choose one of {OUTPUTS}")
    scores = scores_of(outputs).float()
    if target is not None and largest is None:
        largest = int(target.max()) if len(target) else 0
    check_classes(scores, largest if target is not None else None)
    if scores.shape[1] == 1:
        return scores[:, 0]
    assert target is not None
    if output == "probability":
        scores = scores.softmax(1)
    return scores.gather(1, to_device(target, scores.device)[:, None])[:, 0]
