"""Translation of sums, differences, products with constants and concatenation into layers.

These may take more than one activation, and so several steps.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from sparks.verification.layers import Add, Average, Scale


class NoRule(Exception):
    """A layer that has no bounds; the message, "" or ": why", follows "has no rule"."""


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


def named(names: Sequence[str], args: Arguments, kwargs: Keywords) -> Keywords:
    """Return arguments by name."""
    return dict(zip(names, args, strict=False)) | kwargs


def _sum(
    push: Push, y: Tensor, args: Arguments, kwargs: Keywords, sign: int = 1, swap: bool = False
) -> int:
    """Return one + sign · alpha · two; each may be an activation or a constant, on either side."""
    given = named(("input", "other"), args, kwargs)
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
        place = two.place if factor == 1 else push(scale(two.value, factor, 0), two.place)
        return push(Add(), one.place, place)
    if isinstance(one, Activation):
        offset = _constant(two, one.value, y) * factor
        return push(scale(one.value, 1, offset), one.place)
    offset = _constant(one, two.value, y)
    return push(scale(two.value, factor, offset), two.place)


def _product(push: Push, y: Tensor, args: Arguments, kwargs: Keywords) -> int:
    """Translate an activation times a constant, on either side."""
    given = named(("input", "other"), args, kwargs)
    one, two = given.pop("input"), given.pop("other")
    if isinstance(one, Activation) and isinstance(two, Activation):
        raise NoRule(": a product of two activations is not affine")
    x, constant = (one, two) if isinstance(one, Activation) else (two, one)
    return push(scale(x.value, _constant(constant, x.value, y), 0), x.place)


def _quotient(push: Push, y: Tensor, args: Arguments, kwargs: Keywords) -> int:
    """Translate an activation divided by a constant."""
    given = named(("input", "other"), args, kwargs)
    one, two = given.pop("input"), given.pop("other")
    if isinstance(two, Activation):
        raise NoRule(": a division by an activation is not affine")
    if given.pop("rounding_mode", None) is not None:
        raise NoRule(": it rounds")
    return push(scale(one.value, 1 / _constant(two, one.value, y), 0), one.place)


def _negative(push: Push, y: Tensor, args: Arguments, kwargs: Keywords) -> int:
    x = args[0] if args else kwargs["input"]
    return push(scale(x.value, -1, 0), x.place)


def _join(push: Push, y: Tensor, args: Arguments, kwargs: Keywords) -> int:
    """Concatenation: each part among zeros, and their sum."""
    given = named(("tensors", "dim"), args, kwargs)
    parts = given["tensors"]
    dim: Any = given.get("dim", given.get("axis", 0))
    axis = dim % y.ndim
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


def scale(x: Tensor, factor: Tensor | float, offset: Tensor | float) -> Scale:
    """Return the layer factor · x + offset, constants in the precision of x."""
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
