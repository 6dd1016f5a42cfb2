"""Backpropagation over semirings: the heaviest path of a gradient, and the entropy of all paths.

Du et al. 2023, "Generalizing backpropagation for gradient-based interpretability" (arXiv
2307.03056). A derivative is a sum, over all paths from an input to the output, of the product of
the local derivatives on the way. Backpropagation works in any semiring: with (max, ×) in place of
(+, ×) it finds the heaviest path, with pairs of numbers the entropy of the paths. The weight of a
path is taken here as the absolute value of its product, since (max, ×) is a semiring of numbers
that are not negative, and probabilities of paths are none otherwise.

    N  inputs        elements  numbers of an activation
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from sparks.attribution.gradient import in_batches
from sparks.checks import one_of, whole
from sparks.engine.inference import Model, device_of
from sparks.errors import SparksError
from sparks.models.device import to_device
from sparks.verification.graph import Network, read
from sparks.verification.layers import (
    Add,
    Affine,
    Average,
    Clip,
    Conv,
    Dense,
    Layer,
    MaxPool,
    Reshape,
    Scale,
)

# Numbers in the matrix of a pooling layer, at most.
LARGEST = 2**26


class Semiring(Protocol):
    """Addition and multiplication of weights of paths; values are (parts, N, *shape)."""

    parts: int

    def start(self, ones: Tensor) -> Tensor:
        """Return the values of the output: those of an empty path where `ones` (N, *shape) is 1."""

    def plus(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a ⊕ b."""

    def pull(self, layer: Affine, y: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Return, for each input of an affine layer, ⊕ over outputs of value ⊗ |A|."""

    def scatter(self, y: Tensor, index: Tensor, size: int) -> Tensor:
        """Return ⊕ of values y (parts, N, C, m) at places index (N, C, m) of `size`."""

    def total(self, y: Tensor) -> Tensor:
        """Return ⊕ over axis 2 of values (parts, N, d, ...)."""


class Sum:
    """(+, ×) of weights w(|A|): the sum over paths, or their number where w is 1.

    Args:
        weight: of an edge, from its absolute derivative.
    """

    parts = 1

    def __init__(self, weight: Callable[[Tensor], Tensor] = torch.abs) -> None:
        self.weight = weight

    def start(self, ones: Tensor) -> Tensor:
        """See `Semiring`."""
        return ones[None]

    def plus(self, a: Tensor, b: Tensor) -> Tensor:
        """See `Semiring`."""
        return a + b

    def pull(self, layer: Affine, y: Tensor, shape: tuple[int, ...]) -> Tensor:
        """See `Semiring`."""
        return _reweighted(layer, self.weight).transpose(y[0], shape)[None]

    def scatter(self, y: Tensor, index: Tensor, size: int) -> Tensor:
        """See `Semiring`."""
        empty = y.new_zeros(*y.shape[:-1], size)
        return empty.scatter_add(-1, index.expand_as(y), y)

    def total(self, y: Tensor) -> Tensor:
        """See `Semiring`."""
        return y.sum(2)


class Entropy(Sum):
    """Pairs (p, r) of Σ w and Σ w log w over paths, from which follows their entropy.

    (p, r) ⊗ (q, s) = (p q, p s + q r); an edge of weight w is (w, w log w).
    """

    parts = 2

    def start(self, ones: Tensor) -> Tensor:
        """See `Semiring`."""
        return torch.stack([ones, torch.zeros_like(ones)])

    def pull(self, layer: Affine, y: Tensor, shape: tuple[int, ...]) -> Tensor:
        """See `Semiring`."""
        plain, logs = (_reweighted(layer, weight) for weight in (torch.abs, _w_log_w))
        both = [plain.transpose(part, shape) for part in y]
        return torch.stack([both[0], both[1] + logs.transpose(y[0], shape)])


class Max(Sum):
    """(max, ×) of absolute weights: the weight of the heaviest path."""

    def plus(self, a: Tensor, b: Tensor) -> Tensor:
        """See `Semiring`."""
        return torch.maximum(a, b)

    def pull(self, layer: Affine, y: Tensor, shape: tuple[int, ...]) -> Tensor:
        """See `Semiring`."""
        if isinstance(layer, Conv):
            return _pull_convolution(layer, y[0], shape)[None]
        if isinstance(layer, Dense):
            return (y[0].unsqueeze(-1) * layer.weight.abs()).amax(-2)[None]
        return super().pull(layer, y, shape)  # one input for each output: nothing to choose

    def scatter(self, y: Tensor, index: Tensor, size: int) -> Tensor:
        """See `Semiring`."""
        empty = y.new_zeros(*y.shape[:-1], size)
        return empty.scatter_reduce(-1, index.expand_as(y), y, "amax")

    def total(self, y: Tensor) -> Tensor:
        """See `Semiring`."""
        return y.amax(2)


def _w_log_w(weight: Tensor) -> Tensor:
    return torch.xlogy(weight.abs(), weight.abs())


def _reweighted(layer: Affine, weight: Callable[[Tensor], Tensor]) -> Affine:
    """Return an affine layer, without its shift, whose weights are functions of the old ones."""
    if isinstance(layer, Conv | Dense):
        return replace(layer, weight=weight(layer.weight), bias=None)
    if isinstance(layer, Scale):
        return replace(layer, factor=weight(layer.factor))
    raise TypeError(f"{type(layer).__name__} has no weights")


def _pull_convolution(layer: Conv, y: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the largest y · |weight| that reaches each element of the input, (N, *shape)."""
    (down, across), (height, width) = layer.stride, y.shape[2:]
    out, per_group = layer.weight.shape[:2]
    kernel = layer.weight.shape[2:]
    span = [
        (size - 1) * stride + dilation * (k - 1) + 1
        for size, stride, dilation, k in zip(
            (height, width), layer.stride, layer.dilation, kernel, strict=True
        )
    ]
    rows, columns = (max(s, shape[1 + i] + 2 * layer.padding[i]) for i, s in enumerate(span))
    best = y.new_zeros(len(y), shape[0], rows, columns)
    weight = layer.weight.abs().view(layer.groups, out // layer.groups, per_group, *kernel)
    grouped = y.view(len(y), layer.groups, -1, 1, height, width)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            reached = (grouped * weight[None, ..., i, j, None, None]).amax(2).flatten(1, 2)
            top, left = i * layer.dilation[0], j * layer.dilation[1]
            where = (
                ...,
                slice(top, top + (height - 1) * down + 1, down),
                slice(left, left + (width - 1) * across + 1, across),
            )
            update = best.clone()  # not in place: the heaviest path is found by derivatives
            update[where] = torch.maximum(best[where], reached)
            best = update
    first, second = layer.padding
    return best[..., first : first + shape[1], second : second + shape[2]]


def _as_matrix(layer: Average, shape: tuple[int, ...]) -> Dense:
    """Return a pooling layer, or a sum, as the matrix that it is."""
    count = prod(shape)
    one = torch.eye(count, dtype=torch.float64)
    outputs = prod(layer.linear(one[:1].view(1, *shape)).shape)
    if count * outputs > LARGEST:
        raise SparksError(
            f"a layer that averages {count} numbers to {outputs} is too large for paths through "
            "it: explain smaller images, or the part of the network behind it"
        )
    return Dense(layer.linear(one.view(count, *shape)).flatten(1).T)


@dataclass(frozen=True)
class _Gates:
    """Ones that multiply the value of every step, whose derivatives tell which a path takes."""

    of_steps: dict[int, Tensor]

    def __call__(self, place: int, y: Tensor) -> Tensor:
        gate = torch.ones_like(y[0], requires_grad=True)
        self.of_steps[place] = gate
        return y * gate


def backpropagate(
    network: Network,
    x: Tensor,
    target: Tensor,
    semiring: Semiring,
    visit: Callable[[int, Tensor], Tensor] = lambda _, y: y,
) -> Tensor:
    """Return the semiring's sum over paths from each element of inputs to an output.

    Args:
        network: as `sparks.verification.graph.read` returns it.
        x: inputs, float64 (N, *shape).
        target: the output of each, int64 (N,).
        semiring: of weights.
        visit: called with the place of a step and its value, and returns what takes its place.

    Returns:
        (parts, N, *shape).
    """
    values = [x]
    for step in network.steps[1:]:
        assert step.layer is not None
        values.append(step.layer(*(values[i] for i in step.inputs)))
    last = len(values) - 1
    ones = functional.one_hot(target, values[-1].shape[1]).to(x)
    carried = {last: semiring.start(ones)}
    for place in range(last, 0, -1):
        if place not in carried:
            continue
        step, y = network.steps[place], visit(place, carried.pop(place))
        for source in step.inputs:
            assert step.layer is not None
            shape = network.steps[source].shape
            pulled = _through(step.layer, y, values[source], shape, semiring)
            known = carried.get(source)
            carried[source] = pulled if known is None else semiring.plus(known, pulled)
    return visit(0, carried[0])


def _through(
    layer: Layer, y: Tensor, x: Tensor, shape: tuple[int, ...], semiring: Semiring
) -> Tensor:
    """Return the values of a layer's input x, (parts, N, *shape), from those of its output."""
    if isinstance(layer, Add):
        return y
    if isinstance(layer, Reshape):
        return y.reshape(*y.shape[:2], *shape)
    if isinstance(layer, MaxPool):
        flat = semiring.scatter(y.flatten(3), layer.largest(x).flatten(2), shape[1] * shape[2])
        return flat.view(*y.shape[:2], *shape)
    if isinstance(layer, Average):
        matrix = _as_matrix(layer, shape).weight.to(x)
        return semiring.pull(Dense(matrix), y.flatten(2), shape).view(*y.shape[:2], *shape)
    if isinstance(layer, Affine):
        return semiring.pull(layer, y, shape)
    low, high = (layer.least, layer.most) if isinstance(layer, Clip) else (0.0, torch.inf)
    return y * ((x > low) & (x < high)).to(y)  # ReLU and its like: an edge of 1, or none


@dataclass(frozen=True, kw_only=True)
class GradientPaths:
    """Paths of the gradient from each pixel to the logit (Du et al. 2023), over all channels.

    A gradient is the signed sum over these paths. With weights w = |product of derivatives|:

    - "max": the largest w, of the heaviest path.
    - "sum": Σ w, which no cancellation between paths makes small.
    - "entropy": -Σ q log q of q = w / Σ w, in nats: 0 where one path has all the weight.
    - "count": log of the number of paths with a weight above 0, which bounds the entropy.

    Computed in float64, in time and memory of a few backward passes.

    Attributes:
        of: a key of `SEMIRINGS`.
        batch_size: inputs at a time, the bound on memory.

    Raises:
        SparksError: for another key; when called, for a network with a layer that has no rule
            (`sparks.verification.graph.read`).

    Example:
        On a linear model there is one path from each feature.

        >>> GradientPaths(of="max")(linear, x, target)
        tensor([[1., 0., 2.]])
        >>> GradientPaths(of="entropy")(linear, x, target)
        tensor([[0., 0., 0.]])
    """

    of: str = "max"
    batch_size: int = 16

    def __post_init__(self) -> None:
        one_of(self, SEMIRINGS, "of")
        whole(self, 1, "batch_size")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, that explain the classes `target` (N,)."""
        network = _read(model, x)
        explain = partial(self._explain, network)
        return in_batches(model, x, target, self.batch_size, explain).float()

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse a network with a layer that has no rule.

        Raises:
            SparksError: naming the layer.
        """
        _read(model, x)

    def whole(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return the same over the paths from all pixels together, float64 (N,)."""
        semiring, x = SEMIRINGS[self.of], to_device(x, device_of(model, x)).double()
        with torch.no_grad():
            found = backpropagate(_read(model, x), x, to_device(target, x.device), semiring)
            return self._finish(semiring.total(found.flatten(2)))

    def _explain(self, network: Network, x: Tensor, target: Tensor | None) -> Tensor:
        semiring = SEMIRINGS[self.of]
        goals = torch.zeros(len(x), dtype=torch.int64) if target is None else target
        with torch.no_grad():
            goals = to_device(goals, x.device)
            found = backpropagate(network, x.detach().double(), goals, semiring)
            return self._finish(semiring.total(found) if found.ndim == 5 else found)

    def _finish(self, found: Tensor) -> Tensor:
        """Return the number that is asked for, from values (parts, N, ...)."""
        if self.of == "count":
            return found[0].log().clamp(min=0)
        if self.of != "entropy":
            return found[0]
        weight, logs = found
        entropy = weight.log() - logs / weight
        return torch.where(weight > 0, entropy, 0).clamp(min=0)


SEMIRINGS: dict[str, Semiring] = {
    "max": Max(),
    "sum": Sum(),
    "entropy": Entropy(),
    "count": Sum(lambda weight: (weight != 0).to(weight)),
}


def heaviest_path(model: nn.Module, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight of the heaviest path from any pixel to the logit, and where it passes.

    Args:
        model: with layers that have rules (`sparks.verification.graph.read`).
        x: inputs (N, ...).
        target: classes, int64 (N,).

    Returns:
        Weights, float64 (N,); and for each step of the network as it is read, from the input to
        the output, the number of the element that the path passes, int64 (N, steps): -1 for a step
        that it goes around, as along a shortcut.

    Example:
        >>> from sparks.attribution.semirings import heaviest_path
        >>> heaviest_path(linear, x, target)
        (tensor([2.], dtype=torch.float64), tensor([[2, 0]]))
    """
    network = _read(model, x)
    gates = _Gates({})
    with torch.enable_grad():
        x = to_device(x, device_of(model, x)).double()
        found = backpropagate(network, x, to_device(target, x.device), Max(), gates)
        weight = found[0].flatten(1).amax(1)
        slopes = torch.autograd.grad(weight.sum(), list(gates.of_steps.values()))
    passed = torch.full((len(x), len(network.steps)), -1)
    for place, slope in zip(gates.of_steps, slopes, strict=True):
        largest, element = slope.flatten(1).max(1)
        passed[:, place] = torch.where(largest > 0, element, -1).cpu()
    return weight.detach(), passed


def _read(model: Model, x: Tensor) -> Network:
    if not isinstance(model, nn.Module):
        raise SparksError("paths of gradients are read from a torch.nn.Module, layer by layer")
    with torch.no_grad():
        return read(model, to_device(x[:1], device_of(model, x)))
