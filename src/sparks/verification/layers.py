"""Operations that have bounds: affine ones, ReLU, clipping, max pooling, the sum of two branches.

An affine layer y = A x + b is never written as a matrix. It can be applied without its bias,
applied with |A|, and transposed; every bound is made of these three. Tensors are (b, *shape).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Affine:
    """y = A x + b.

    Attributes:
        terms: products that are summed for one output, for the rounding error.
    """

    @property
    def terms(self) -> int:
        """Number of products summed for one output."""
        raise NotImplementedError

    @property
    def shift(self) -> Tensor | None:
        """b, so that it broadcasts over (b, *shape); None for 0."""
        return None

    def __call__(self, x: Tensor) -> Tensor:
        """Return A x + b."""
        y = self.linear(x)
        return y if self.shift is None else y + self.shift

    def linear(self, x: Tensor) -> Tensor:
        """Return A x."""
        raise NotImplementedError

    def absolute(self, x: Tensor) -> Tensor:
        """Return |A| x, with elementwise absolute values."""
        raise NotImplementedError

    def transpose(self, y: Tensor, shape: Shape) -> Tensor:
        """Return Aᵀ y, with `shape` that of x."""
        raise NotImplementedError


@dataclass(frozen=True)
class Dense(Affine):
    """A matrix (out, in)."""

    weight: Tensor
    bias: Tensor | None = None

    @property
    def terms(self) -> int:
        """Number of inputs, and 1 for the bias."""
        return self.weight.shape[1] + 1

    @property
    def shift(self) -> Tensor | None:
        """The bias (out,)."""
        return self.bias

    def linear(self, x: Tensor) -> Tensor:
        """Return A x."""
        return functional.linear(x, self.weight)

    def absolute(self, x: Tensor) -> Tensor:
        """Return |A| x."""
        return functional.linear(x, self.weight.abs())

    def transpose(self, y: Tensor, shape: Shape) -> Tensor:
        """Return Aᵀ y."""
        return y @ self.weight

    def after(self, scale: Tensor, shift: Tensor) -> Dense:
        """Return this layer followed by a scale and a shift of each output."""
        bias = shift if self.bias is None else self.bias * scale + shift
        return Dense(self.weight * scale[:, None], bias)


@dataclass(frozen=True)
class Conv(Affine):
    """A two-dimensional convolution with zero padding."""

    weight: Tensor
    bias: Tensor | None
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def terms(self) -> int:
        """Number of terms in the sum of each output: the filter's, and the bias."""
        return prod(self.weight.shape[1:]) + 1

    @property
    def shift(self) -> Tensor | None:
        """The bias (out, 1, 1)."""
        return None if self.bias is None else self.bias[:, None, None]

    def linear(self, x: Tensor) -> Tensor:
        """Return A x."""
        return self._with(self.weight, x)

    def absolute(self, x: Tensor) -> Tensor:
        """Return |A| x."""
        return self._with(self.weight.abs(), x)

    def _with(self, weight: Tensor, x: Tensor) -> Tensor:
        return functional.conv2d(
            x, weight, None, self.stride, self.padding, self.dilation, self.groups
        )

    def transpose(self, y: Tensor, shape: Shape) -> Tensor:
        """Return Aᵀ y."""
        kernel = self.weight.shape[2:]
        # Rows and columns that the stride left over at the lower and the right border.
        rest = [
            shape[1 + i]
            - (
                (y.shape[2 + i] - 1) * self.stride[i]
                - 2 * self.padding[i]
                + self.dilation[i] * (kernel[i] - 1)
                + 1
            )
            for i in (0, 1)
        ]
        return functional.conv_transpose2d(
            y, self.weight, None, self.stride, self.padding, rest, self.groups, self.dilation
        )

    def after(self, scale: Tensor, shift: Tensor) -> Conv:
        """Return this layer followed by a scale and a shift of each output channel."""
        bias = shift if self.bias is None else self.bias * scale + shift
        weight = self.weight * scale[:, None, None, None]
        return Conv(weight, bias, self.stride, self.padding, self.dilation, self.groups)


@dataclass(frozen=True)
class Scale(Affine):
    """A factor and an offset of each element, broadcast over (b, *shape).

    Batch normalisation, mean and deviation of images, and constants that are added or multiplied.
    """

    factor: Tensor
    offset: Tensor

    @property
    def terms(self) -> int:
        """3: the product, the sum, and the division that made the factor."""
        return 3

    @property
    def shift(self) -> Tensor | None:
        """The offset."""
        return self.offset

    def linear(self, x: Tensor) -> Tensor:
        """Return A x."""
        return x * self.factor

    def absolute(self, x: Tensor) -> Tensor:
        """Return |A| x."""
        return x * self.factor.abs()

    def transpose(self, y: Tensor, shape: Shape) -> Tensor:
        """Return Aᵀ y."""
        return y * self.factor


@dataclass(frozen=True)
class Average(Affine):
    """Weights that are not negative, and no bias: pooling, means, sums, zero padding, slices.

    Attributes:
        function: (b, *shape) → (b, *shape), linear.
        count: elements summed for one output at most.
    """

    function: Callable[[Tensor], Tensor]
    count: int

    @property
    def terms(self) -> int:
        """Number of elements summed, and 1 for the division."""
        return self.count + 1

    def linear(self, x: Tensor) -> Tensor:
        """Return A x."""
        return self.function(x)

    def absolute(self, x: Tensor) -> Tensor:
        """Return |A| x, which is A x: the elements of A are not negative."""
        return self.function(x)

    def transpose(self, y: Tensor, shape: Shape) -> Tensor:
        """Return Aᵀ y."""
        pull = torch.func.vjp(self.function, y.new_zeros(len(y), *shape))[1]
        result: Tensor = pull(y)[0]
        return result


@dataclass(frozen=True)
class Reshape(Affine):
    """The same numbers in another shape; also flatten, dropout in evaluation, and identity."""

    shape: Shape

    @property
    def terms(self) -> int:
        """Number of terms in a sum: none, as nothing is computed."""
        return 0

    def linear(self, x: Tensor) -> Tensor:
        """Return x in its new shape."""
        return x.reshape(len(x), *self.shape)

    def absolute(self, x: Tensor) -> Tensor:
        """Return x in its new shape."""
        return self.linear(x)

    def transpose(self, y: Tensor, shape: Shape) -> Tensor:
        """Return y in the old shape."""
        return y.reshape(len(y), *shape)


@dataclass(frozen=True)
class ReLU:
    """The larger of x and 0."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return max(x, 0)."""
        return x.relu()


@dataclass(frozen=True)
class Clip:
    """x, but at least `least` and at most `most`, both finite: ReLU6 and Hardtanh."""

    least: float
    most: float

    def __call__(self, x: Tensor) -> Tensor:
        """Return min(max(x, least), most)."""
        return x.clamp(self.least, self.most)


@dataclass(frozen=True)
class MaxPool:
    """The largest of each window.

    Attributes:
        settings: arguments of `torch.nn.functional.max_pool2d`.
    """

    settings: dict[str, Any]

    def __call__(self, x: Tensor) -> Tensor:
        """Return the largest value of each window."""
        largest: Tensor = functional.max_pool2d(x, **self.settings)
        return largest

    def largest(self, x: Tensor) -> Tensor:
        """Return the index of each window's maximum, in the flattened image of each channel."""
        _, places = functional.max_pool2d(x, **self.settings, return_indices=True)
        result: Tensor = places
        return result


@dataclass(frozen=True)
class Add:
    """The sum of two branches."""

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return x + y."""
        return x + y


Activation = ReLU | Clip | MaxPool
Layer = Affine | Activation | Add
