"""Translation of PyTorch's modules, functions and methods into layers that have bounds.

A rule that does not know an argument refuses it (`NoRule`). What is read here is compared with the
network itself in `graph`: a rule that is wrong ends in an error, not in a wrong bound.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sparks.models.classifier import normalised
from sparks.models.convnet import channels_last
from sparks.verification.layers import (
    Add,
    Average,
    Clip,
    Conv,
    Dense,
    Layer,
    MaxPool,
    ReLU,
    Reshape,
    Scale,
)


class NoRule(Exception):
    """A layer that has no bounds; the message, "" or ": why", follows "has no rule for bounds"."""


class Activation(NamedTuple):
    """An argument that depends on the network's input.

    Attributes:
        place: of its step.
        value: (n, *shape), at some inputs.
    """

    place: int
    value: Tensor


Arguments = tuple[Any, ...]
Keywords = dict[str, Any]
Push = Callable[..., int]


def of_module(module: nn.Module, x: Tensor, y: Tensor) -> list[Layer]:
    """Return the layers of a module from x to y, (n, *shape) each, in their order."""
    make = _MODULES.get(type(module))
    if make is None:
        raise NoRule
    return _listed(make(module, x, y))


def of_function(
    called: Any, x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords
) -> list[Layer]:
    """Return the layers of a function, or of a method given by name, whose first argument is x."""
    make = _FUNCTIONS.get(called)
    if make is None:
        raise NoRule
    args, kwargs = args[1:], {name: v for name, v in kwargs.items() if name != "input"}
    given = (*args, *kwargs.values())
    if any(isinstance(v, Activation) for v in given):
        raise NoRule(": it takes more than one activation")
    if called not in _WEIGHTED and any(isinstance(v, Tensor) for v in given):
        raise NoRule(": it takes another tensor")
    return _listed(make(x, y, args, kwargs))


def _listed(layers: Layer | list[Layer]) -> list[Layer]:
    return layers if isinstance(layers, list) else [layers]


def _named(names: Sequence[str], args: Arguments, kwargs: Keywords) -> Keywords:
    """Return arguments by name."""
    return dict(zip(names, args, strict=False)) | kwargs


# --- sums, differences, products with constants, concatenation -----------------------------------


def _sum(
    push: Push, y: Tensor, args: Arguments, kwargs: Keywords, sign: int = 1, swap: bool = False
) -> int:
    """Return one + sign · alpha · two; each may be an activation or a constant, on either side."""
    given = _named(("input", "other"), args, kwargs)
    one, two, alpha = given.pop("input"), given.pop("other"), given.pop("alpha", 1)
    if given:
        raise NoRule(f": its argument {next(iter(given))!r} is not read")
    if swap:
        one, two = two, one
    factor = sign * alpha
    if isinstance(one, Activation) and isinstance(two, Activation):
        if one.value.shape != two.value.shape:
            shapes = f"{tuple(one.value.shape[1:])} and {tuple(two.value.shape[1:])}"
            raise NoRule(f": it broadcasts activations of shapes {shapes}")
        place = two.place if factor == 1 else push(_scale(two.value, factor, 0), two.place)
        return push(Add(), one.place, place)
    if isinstance(one, Activation):
        offset = _constant(two, one.value, y) * factor
        return push(_scale(one.value, 1, offset), one.place)
    offset = _constant(one, two.value, y)
    return push(_scale(two.value, factor, offset), two.place)


def _product(push: Push, y: Tensor, args: Arguments, kwargs: Keywords) -> int:
    """Translate an activation times a constant, on either side."""
    given = _named(("input", "other"), args, kwargs)
    one, two = given.pop("input"), given.pop("other")
    if isinstance(one, Activation) and isinstance(two, Activation):
        raise NoRule(": a product of two activations is not affine")
    x, constant = (one, two) if isinstance(one, Activation) else (two, one)
    return push(_scale(x.value, _constant(constant, x.value, y), 0), x.place)


def _quotient(push: Push, y: Tensor, args: Arguments, kwargs: Keywords) -> int:
    """Translate an activation divided by a constant."""
    given = _named(("input", "other"), args, kwargs)
    one, two = given.pop("input"), given.pop("other")
    if isinstance(two, Activation):
        raise NoRule(": a division by an activation is not affine")
    if given.pop("rounding_mode", None) is not None:
        raise NoRule(": it rounds")
    return push(_scale(one.value, 1 / _constant(two, one.value, y), 0), one.place)


def _negative(push: Push, y: Tensor, args: Arguments, kwargs: Keywords) -> int:
    x = args[0] if args else kwargs["input"]
    return push(_scale(x.value, -1, 0), x.place)


def _join(push: Push, y: Tensor, args: Arguments, kwargs: Keywords) -> int:
    """Concatenation: each part among zeros, and their sum."""
    given = _named(("tensors", "dim"), args, kwargs)
    parts = given["tensors"]
    named: Any = given.get("dim", given.get("axis", 0))
    axis = named % y.ndim
    if axis == 0:
        raise NoRule(": it joins inputs, not features")
    if not all(isinstance(part, Activation) for part in parts):
        raise NoRule(": it joins a constant")
    whole, start, total = y.shape[axis], 0, None
    for part in parts:
        size = part.value.shape[axis]
        pad = [0, 0] * (y.ndim - 1 - axis) + [start, whole - start - size]
        place = push(Average(partial(functional.pad, pad=pad), 0), part.place)
        total = place if total is None else push(Add(), total, place)
        start += size
    assert total is not None
    return total


def _constant(value: Any, x: Tensor, y: Tensor) -> Tensor:
    """Return a number or tensor as a constant that broadcasts over (b, *shape) of x for every b."""
    if isinstance(value, bool) or not isinstance(value, int | float | Tensor):
        raise NoRule(f": it takes a {type(value).__name__}")
    if not isinstance(value, Tensor):
        return torch.full((), value, dtype=x.dtype, device=x.device)
    if value.ndim == x.ndim and len(value) == 1:
        value = value[0]
    if value.ndim >= x.ndim or y.shape != x.shape:
        shapes = f"{tuple(value.shape)} and {tuple(x.shape[1:])}"
        raise NoRule(f": it broadcasts a constant and an activation of shapes {shapes}")
    constant: Tensor = value.to(x)
    return constant


def _scale(x: Tensor, factor: Tensor | float, offset: Tensor | float) -> Scale:
    factor, offset = (
        v if isinstance(v, Tensor) else torch.full((), v, dtype=x.dtype, device=x.device)
        for v in (factor, offset)
    )
    return Scale(factor, offset)


_difference = partial(_sum, sign=-1)

COMBINATIONS: dict[Any, Callable[..., int]] = {
    operator.add: _sum,
    operator.iadd: _sum,
    torch.add: _sum,
    "add": _sum,
    "add_": _sum,
    operator.sub: _difference,
    operator.isub: _difference,
    torch.sub: _difference,
    torch.subtract: _difference,
    "sub": _difference,
    "sub_": _difference,
    "subtract": _difference,
    torch.rsub: partial(_difference, swap=True),
    operator.mul: _product,
    operator.imul: _product,
    torch.mul: _product,
    torch.multiply: _product,
    "mul": _product,
    "mul_": _product,
    "multiply": _product,
    operator.truediv: _quotient,
    operator.itruediv: _quotient,
    torch.div: _quotient,
    torch.divide: _quotient,
    torch.true_divide: _quotient,
    "div": _quotient,
    "div_": _quotient,
    "divide": _quotient,
    operator.neg: _negative,
    torch.neg: _negative,
    "neg": _negative,
    torch.cat: _join,
    torch.concat: _join,
    torch.concatenate: _join,
}


# --- modules -------------------------------------------------------------------------------------


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def _conv(module: nn.Module, x: Tensor, y: Tensor) -> list[Layer]:
    assert isinstance(module, nn.Conv2d)
    if module.padding_mode != "zeros":
        raise NoRule(f": its padding is {module.padding_mode!r}, not zeros")
    names = ("stride", "padding", "dilation", "groups")
    return _convolved(module.weight, module.bias, **{name: getattr(module, name) for name in names})


def _convolved(
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> list[Layer]:
    before: list[Layer] = []
    dilation = _pair(dilation)
    if padding == "same":
        both = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        padding = [p // 2 for p in both]
        pad = [0, both[1] % 2, 0, both[0] % 2]
        if any(pad):  # one more at the right, or the lower, border
            before = [Average(partial(functional.pad, pad=pad), 0)]
    padding = (0, 0) if padding == "valid" else _pair(padding)
    return [*before, Conv(weight, bias, _pair(stride), padding, dilation, groups)]


def _norm(module: nn.Module, x: Tensor, y: Tensor) -> Layer:
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None:
        raise NoRule(": its statistics are those of the batch")
    factor = (variance + module.eps).rsqrt()
    factor = factor if module.weight is None else factor * module.weight
    offset = -mean * factor if module.bias is None else module.bias - mean * factor
    shape = (-1,) + (1,) * (x.ndim - 2)
    return Scale(factor.view(shape), offset.view(shape))


def _dense(module: nn.Module, x: Tensor, y: Tensor) -> Layer:
    assert isinstance(module, nn.Linear)
    return Dense(module.weight, module.bias)


def _pool(module: nn.Module, x: Tensor, y: Tensor) -> Layer:
    assert isinstance(module, nn.AvgPool2d)
    return Average(module, prod(_pair(module.kernel_size)))


def _adaptive(module: nn.Module, x: Tensor, y: Tensor) -> Layer:
    return Average(module, prod(x.shape[2:]))


def _max_pool(module: nn.Module, x: Tensor, y: Tensor) -> Layer:
    assert isinstance(module, nn.MaxPool2d)
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    return MaxPool({name: getattr(module, name) for name in names})


def _clip(module: nn.Module, x: Tensor, y: Tensor) -> Layer | list[Layer]:
    assert isinstance(module, nn.Hardtanh)
    return _between(x, module.min_val, module.max_val)


def _zeros(module: nn.Module, x: Tensor, y: Tensor) -> Layer:
    assert isinstance(module, nn.ZeroPad2d)
    return Average(partial(functional.pad, pad=list(module.padding)), 0)


def _same(module: nn.Module, x: Tensor, y: Tensor) -> Layer:
    return _view(x, y)


def _view(x: Tensor, y: Tensor) -> Layer:
    """Return the layer that reshapes x to the shape of y."""
    return Reshape(tuple(y.shape[1:]))


_MODULES: dict[type[nn.Module], Callable[..., Layer | list[Layer]]] = {
    nn.Linear: _dense,
    nn.Conv2d: _conv,
    nn.BatchNorm1d: _norm,
    nn.BatchNorm2d: _norm,
    nn.ReLU: lambda module, x, y: ReLU(),
    nn.ReLU6: _clip,
    nn.Hardtanh: _clip,
    nn.AvgPool2d: _pool,
    nn.AdaptiveAvgPool2d: _adaptive,
    nn.MaxPool2d: _max_pool,
    nn.ZeroPad2d: _zeros,
    nn.Flatten: _same,
    nn.Unflatten: _same,
    nn.Identity: _same,
    nn.Dropout: _same,
    nn.Dropout2d: _same,
}


# --- functions and methods of one activation -----------------------------------------------------


def _reshape(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    return _view(x, y)


def _dropout(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    if _named(("p", "training"), args, kwargs).get("training", True):
        raise NoRule(": it draws in evaluation mode too")
    return _view(x, y)


def _relu(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    return ReLU()


def _relu6(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | list[Layer]:
    return _between(x, 0, 6)


def _hardtanh(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | list[Layer]:
    given = _named(("min_val", "max_val"), args, kwargs)
    return _between(x, given.get("min_val", -1.0), given.get("max_val", 1.0))


def _clamp(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | list[Layer]:
    given = _named(("min", "max"), args, kwargs)
    return _between(x, given.get("min"), given.get("max"))


def _between(x: Tensor, least: float | None, most: float | None) -> Layer | list[Layer]:
    """x, but at least and at most something."""
    if least is not None and most is not None and least < most:
        return Clip(float(least), float(most))
    if most is None and least is not None:
        return ReLU() if least == 0 else [_scale(x, 1, -least), ReLU(), _scale(x, 1, least)]
    if least is None and most is not None:
        return [_scale(x, -1, most), ReLU(), _scale(x, -1, most)]
    raise NoRule(f": it clips to {least} … {most}")


def _axes(x: Tensor, args: Arguments, kwargs: Keywords) -> tuple[list[int], bool]:
    """Return the axes that are summed over, and whether they are kept."""
    given = _named(("dim", "keepdim"), args, kwargs)
    axes = given.pop("dim", given.pop("axis", None))
    keep = bool(given.pop("keepdim", False))
    axes = [axes] if isinstance(axes, int) else list(axes or ())
    if given or not axes or any(axis % x.ndim == 0 for axis in axes):
        raise NoRule(": its arguments are not those of a sum over features")
    return axes, keep


def _mean(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    axes, keep = _axes(x, args, kwargs)
    return Average(lambda v: v.mean(axes, keep), prod(x.shape[axis] for axis in axes))


def _total(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    axes, keep = _axes(x, args, kwargs)
    return Average(lambda v: v.sum(axes, keep), prod(x.shape[axis] for axis in axes))


def _average(function: Callable[..., Tensor]) -> Callable[..., Layer]:
    def make(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
        return Average(lambda v: function(v, *args, **kwargs), prod(x.shape[2:]))

    return make


def _max_function(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    settings = _named(names, args, kwargs)
    settings.pop("return_indices", None)  # then y would be no tensor
    return MaxPool(settings)


def _pad(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    given = _named(("pad", "mode", "value"), args, kwargs)
    pad = list(given["pad"])
    if given.get("mode", "constant") != "constant" or given.get("value"):
        raise NoRule(": it pads with something else than zeros")
    if len(pad) // 2 >= x.ndim:
        raise NoRule(": it pads the batch")
    return Average(partial(functional.pad, pad=pad), 0)


def _slice(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    (index,) = args
    index = index if isinstance(index, tuple) else (index,)
    if index[0] != slice(None) or not all(
        part is None or part is Ellipsis or isinstance(part, int | slice) for part in index
    ):
        raise NoRule(": it takes some inputs of the batch, or an index that is no slice")
    return Average(lambda v: v[index], 0)


def _transpose(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    given = _named(("dim0", "dim1"), args, kwargs)
    one, two = given["dim0"], given["dim1"]
    if 0 in (one % x.ndim, two % x.ndim):
        raise NoRule(": it mixes the inputs of a batch")
    return Average(lambda v: v.transpose(one, two), 0)


def _permute(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    axes = args or (kwargs["dims"],)
    axes = axes if isinstance(axes[0], int) else tuple(axes[0])
    if axes[0] % x.ndim != 0:
        raise NoRule(": it mixes the inputs of a batch")
    return Average(lambda v: v.permute(axes), 0)


def _linear(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    return Dense(**_weights(x, _named(("weight", "bias"), args, kwargs)))


def _conv_function(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> list[Layer]:
    names = ("weight", "bias", "stride", "padding", "dilation", "groups")
    return _convolved(**_weights(x, _named(names, args, kwargs)))


def _weights(x: Tensor, given: Keywords) -> Keywords:
    """Return arguments with their tensors in the precision of x."""
    return {name: v.to(x) if isinstance(v, Tensor) else v for name, v in given.items()}


def _normalised(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    mean, std = (value.to(x).view(-1, 1, 1) for value in args)
    return Scale(1 / std, -mean / std)


_WEIGHTED = (normalised, functional.linear, functional.conv2d)

_FUNCTIONS: dict[Any, Callable[..., Layer | list[Layer]]] = {
    functional.linear: _linear,
    functional.conv2d: _conv_function,
    normalised: _normalised,
    channels_last: _reshape,
    torch.relu: _relu,
    torch.relu_: _relu,
    functional.relu: _relu,
    functional.relu_: _relu,
    "relu": _relu,
    "relu_": _relu,
    functional.relu6: _relu6,
    functional.hardtanh: _hardtanh,
    functional.hardtanh_: _hardtanh,
    torch.clamp: _clamp,
    torch.clip: _clamp,
    "clamp": _clamp,
    "clamp_": _clamp,
    "clip": _clamp,
    torch.flatten: _reshape,
    torch.reshape: _reshape,
    torch.squeeze: _reshape,
    torch.unsqueeze: _reshape,
    "flatten": _reshape,
    "unflatten": _reshape,
    "view": _reshape,
    "reshape": _reshape,
    "squeeze": _reshape,
    "unsqueeze": _reshape,
    "contiguous": _reshape,
    "clone": _reshape,
    torch.transpose: _transpose,
    "transpose": _transpose,
    torch.permute: _permute,
    "permute": _permute,
    operator.getitem: _slice,
    functional.pad: _pad,
    functional.dropout: _dropout,
    torch.mean: _mean,
    "mean": _mean,
    torch.sum: _total,
    "sum": _total,
    functional.avg_pool2d: _average(functional.avg_pool2d),
    functional.adaptive_avg_pool2d: _average(functional.adaptive_avg_pool2d),
    functional.max_pool2d: _max_function,
}
