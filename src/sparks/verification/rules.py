"""Translation of PyTorch's modules, functions and methods into layers that have bounds.

A rule that does not know an argument refuses it (`NoRule`). What is read here is compared with the
network itself in `graph`: a rule that is wrong ends in an error, not in a wrong bound.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sparks.models.classifier import normalised
from sparks.models.convnet import channels_last
from sparks.verification.combinations import (
    Activation,
    Arguments,
    Keywords,
    NoRule,
    named,
    scale,
)
from sparks.verification.layers import (
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
    if named(("p", "training"), args, kwargs).get("training", True):
        raise NoRule(": it draws in evaluation mode too")
    return _view(x, y)


def _relu(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    return ReLU()


def _relu6(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | list[Layer]:
    return _between(x, 0, 6)


def _hardtanh(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | list[Layer]:
    given = named(("min_val", "max_val"), args, kwargs)
    return _between(x, given.get("min_val", -1.0), given.get("max_val", 1.0))


def _clamp(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | list[Layer]:
    given = named(("min", "max"), args, kwargs)
    return _between(x, given.get("min"), given.get("max"))


def _between(x: Tensor, least: float | None, most: float | None) -> Layer | list[Layer]:
    """Return the layers that clip x to least … most; None for no limit."""
    if least is not None and most is not None and least < most:
        return Clip(float(least), float(most))
    if most is None and least is not None:
        return ReLU() if least == 0 else [scale(x, 1, -least), ReLU(), scale(x, 1, least)]
    if least is None and most is not None:
        return [scale(x, -1, most), ReLU(), scale(x, -1, most)]
    raise NoRule(f": it clips to {least} … {most}")


def _axes(x: Tensor, args: Arguments, kwargs: Keywords) -> tuple[list[int], bool]:
    """Return the axes that are summed over, and whether they are kept."""
    given = named(("dim", "keepdim"), args, kwargs)
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
    settings = named(names, args, kwargs)
    settings.pop("return_indices", None)  # then y would be no tensor
    return MaxPool(settings)


def _pad(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer:
    given = named(("pad", "mode", "value"), args, kwargs)
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
    given = named(("dim0", "dim1"), args, kwargs)
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
    return Dense(**_weights(x, named(("weight", "bias"), args, kwargs)))


def _conv_function(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> list[Layer]:
    names = ("weight", "bias", "stride", "padding", "dilation", "groups")
    return _convolved(**_weights(x, named(names, args, kwargs)))


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
