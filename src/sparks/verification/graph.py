"""Read a network as a short list of layers that have bounds, and check that it is this network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Interpreter, Node
from torch.fx.node import map_arg

from sparks.engine.inference import evaluating
from sparks.errors import SparksError
from sparks.models.split import Trace, trace
from sparks.verification import rules
from sparks.verification.combinations import COMBINATIONS, Activation, NoRule
from sparks.verification.layers import Conv, Dense, Layer, Scale, Shape

# Largest difference between a network and what was read of it, over the largest number in it. Both
# are computed in float64, where rounding leaves some 1e-14; a layer misread differs far more.
DIFFERENCE = 1e-10


@dataclass(frozen=True)
class Step:
    """One layer in its network.

    Attributes:
        layer: what it computes; None for the input of the network.
        inputs: places, in the network, of the steps whose outputs it takes.
        shape: of its output, without the batch.
    """

    layer: Layer | None
    inputs: tuple[int, ...]
    shape: Shape


@dataclass(frozen=True)
class Network:
    """Layers in the order of computation: the first step is the input, the last the output.

    `read` makes one from a module.

    Attributes:
        steps: each with its layer, the places of the steps that the layer takes, and the shape of
            its output.

    Example:
        >>> network = read(net, lower)
        >>> [type(step.layer).__name__ for step in network.steps[1:]]
        ['Dense', 'ReLU', 'Dense']
        >>> network.inputs, network.widest, network.outputs  # numbers of elements
        (2, 2, 1)
    """

    steps: tuple[Step, ...]

    @property
    def inputs(self) -> int:
        """Number of input elements."""
        return prod(self.steps[0].shape)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return prod(self.steps[-1].shape)

    @property
    def widest(self) -> int:
        """Number of elements of the largest activation."""
        return max(prod(step.shape) for step in self.steps)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the outputs (b, outputs) of inputs (b, *shape)."""
        values = [x]
        for step in self.steps[1:]:
            assert step.layer is not None
            values.append(step.layer(*(values[i] for i in step.inputs)))
        return values[-1]

    def to(self, dtype: torch.dtype) -> Network:
        """Return the network with its weights in another precision; differentiable as before."""
        return Network(tuple(replace(step, layer=_cast(step.layer, dtype)) for step in self.steps))

    def then(self, rows: Tensor) -> Network:
        """Return the network followed by a matrix (s, outputs), merged into a dense head if any.

        So a difference of two logits is bounded as one number, not as a difference of bounds.

        Args:
            rows: (s, outputs), one row for each number to bound.

        Raises:
            SparksError: when the network's outputs are not a vector of that length.
        """
        *before, last = self.steps
        if len(last.shape) != 1 or rows.shape[1] != last.shape[0]:
            raise SparksError(
                f"specifications of shape {tuple(rows.shape)} do not fit outputs {last.shape}: "
                "give one row for each number to bound, with one value for each output"
            )
        rows = rows.to(_like(self))
        if isinstance(last.layer, Dense):
            bias = None if last.layer.bias is None else rows @ last.layer.bias
            head = Dense(rows @ last.layer.weight, bias)
            return Network((*before, Step(head, last.inputs, (len(rows),))))
        return Network((*self.steps, Step(Dense(rows), (len(before),), (len(rows),))))


def _cast(layer: Layer | None, dtype: torch.dtype) -> Layer | None:
    if layer is None:
        return None
    held = {field.name: getattr(layer, field.name) for field in fields(layer)}
    tensors = {name: value for name, value in held.items() if isinstance(value, Tensor)}
    cast: dict[str, Any] = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    return replace(layer, **cast)


def _like(network: Network) -> Tensor:
    """Return a tensor with the device and dtype of a network's weights; float32 without any."""
    for step in network.steps:
        for name in ("weight", "factor"):
            if isinstance(found := getattr(step.layer, name, None), Tensor):
                return found
    return torch.zeros(())


def read(model: nn.Module, points: Tensor) -> Network:
    """Read a network, in evaluation mode, and compare what was read with the network itself.

    Its weights are the model's own in float64, so that bounds have derivatives. At every point, in
    float64, each layer must give what the model's layer gives, and the last what the model gives.

    Args:
        model: of Linear, Conv2d, ReLU, ReLU6, BatchNorm, average and max pooling, means, sums,
            constants, concatenation, flattening and other views, and the normalisation of
            `sparks.models.Classifier`.
        points: a few inputs, (n, C, H, W) or (n, d), of the region where it is to be bounded.

    Raises:
        SparksError: naming the layer that has no rule or that computes something else than what
            was read, or when the model cannot be traced.

    Example:
        >>> x = torch.tensor([[0.75, 0.25]]).double()
        >>> read(net, x)(x)
        tensor([[0.5000]], dtype=torch.float64)
        >>> read(nn.Sequential(nn.Linear(2, 2), nn.Sigmoid()), x)
        Traceback (most recent call last):
            ...
        sparks.errors.SparksError: layer 1 (Sigmoid) has no rule: ...
    """
    traced = trace(model, buffers=True)
    reading = _Reading(model, traced)
    state = {
        name: tensor.to(torch.float64) if tensor.is_floating_point() else tensor
        for name, tensor in (*reading.named_parameters(), *reading.named_buffers())
    }
    with evaluating(model):
        steps: tuple[Step, ...] = torch.func.functional_call(
            reading, state, (points.detach().to(torch.float64),)
        )
    return Network(steps)


class _Reading(nn.Module):
    """A module, so that PyTorch can run it with a model's parameters in another precision."""

    def __init__(self, model: nn.Module, traced: Trace) -> None:
        super().__init__()
        self.model = model
        self.traced = traced

    def forward(self, points: Tensor) -> tuple[Step, ...]:
        reader = _Reader(self.traced, points)
        try:
            reader.run(points.clone())
            with torch.no_grad():  # one at a time: a batch must not change what is computed
                outputs = torch.cat([self.model(point) for point in torch.split(points.clone(), 1)])
        except (RuntimeError, TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise SparksError(
                f"{type(self.model).__name__} does not run in float64 on inputs of shape "
                f"{tuple(points.shape[1:])}, so that what is read of it cannot be checked: {reason}"
            ) from error
        return reader.finish(outputs)


class _Reader(Interpreter):
    """Run a traced network at some points, and read each of its nodes on the way."""

    def __init__(self, traced: Trace, points: Tensor) -> None:
        super().__init__(traced.root, graph=traced.graph)
        self.extra_traceback = False  # it rewrites the messages of errors
        self.logits = traced.logits
        self.steps = [Step(None, (), tuple(points.shape[1:]))]
        self.values = [points]  # of every step
        self.places: dict[Node, int] = {traced.input: 0}
        self.size = float(points.abs().max()) if points.numel() else 0.0

    def run_node(self, n: Node) -> Any:
        """Run one node, read it, and compare."""
        depends = any(source in self.places for source in n.all_input_nodes)
        # Constants are part of what was read: they keep their derivatives.
        with torch.no_grad() if depends else nullcontext():
            value = super().run_node(n)
        # A forward that reads a tensor's shape or dtype reads a constant.
        if depends and n.op != "output":
            if isinstance(value, Tensor):
                try:
                    self.places[n] = self._read(n, value)
                except NoRule as error:
                    raise SparksError(_refusal(self._name(n), str(error))) from error
                self._compare(n, value)
            elif not isinstance(value, int | torch.Size | torch.dtype | torch.device):
                reason = f": it returns a {type(value).__name__}"
                raise SparksError(_refusal(self._name(n), reason))
        return value

    def push(self, layer: Layer, *inputs: int) -> int:
        """Add a step, and return its place."""
        with torch.no_grad():
            value = layer(*(self.values[i] for i in inputs))
        self.steps.append(Step(layer, inputs, tuple(value.shape[1:])))
        self.values.append(value)
        return len(self.steps) - 1

    def finish(self, outputs: Tensor) -> tuple[Step, ...]:
        """Return all steps up to the logits, if these are the model's outputs."""
        if self.logits not in self.places:
            raise SparksError("the network's outputs do not depend on its input: nothing to read")
        last = self.places[self.logits]
        if not self._same(self.values[last], outputs):
            raise SparksError(
                "the network computes something else on a single input than on a batch, or than "
                "when it was traced: what was read of it is another network"
            )
        return tuple(self.steps[: last + 1])

    def _read(self, node: Node, value: Tensor) -> int:
        """Add the steps of a node, and return the place of the last."""
        if value.ndim == 0 or len(value) != len(self.values[0]):
            raise NoRule(": it mixes the inputs of a batch")
        if value.ndim < 2:
            raise NoRule(": it returns one number for each input, not a vector or an image")
        if rule := COMBINATIONS.get(node.target if node.op != "call_module" else None):
            args, kwargs = map_arg((node.args, node.kwargs), self._operand)
            return rule(self.push, value, args, kwargs)
        (source, *others) = [s for s in node.all_input_nodes if s in self.places]
        place = self.places[source]
        if others:
            raise NoRule(": it takes more than one activation")
        x = self.values[place]
        if node.op == "call_module":
            layers = rules.of_module(self.fetch_attr(str(node.target)), x, value)
        else:
            args, kwargs = map_arg((node.args, node.kwargs), self._operand)
            layers = rules.of_function(node.target, x, value, args, kwargs)
        *before, last = layers
        for layer in before:
            place = self.push(layer, place)
        merged = self._merged(last, place) if len(source.users) == 1 else None
        if merged is None:
            return self.push(last, place)
        inputs = self.steps.pop().inputs
        self.values.pop()
        return self.push(merged, *inputs)

    def _operand(self, node: Node) -> Any:
        """Return the activation that a node computes, or the value of a constant."""
        if node in self.places:
            place = self.places[node]
            return Activation(place, self.values[place])
        return self.env[node]

    def _merged(self, layer: Layer, place: int) -> Layer | None:
        """Merge a scale into the convolution or matrix before it; None if it cannot be merged."""
        before = self.steps[place]
        if not isinstance(layer, Scale) or place != len(self.steps) - 1:
            return None
        if not isinstance(before.layer, Conv | Dense) or len(before.shape) not in (1, 3):
            return None
        of_channels = (before.shape[0],) + (1,) * (len(before.shape) - 1)
        try:
            factor, offset = (t.expand(of_channels).flatten() for t in (layer.factor, layer.offset))
        except RuntimeError:  # not one number a channel
            return None
        return before.layer.after(factor, offset)

    def _compare(self, node: Node, value: Tensor) -> None:
        if not self._same(self.values[self.places[node]], value):
            raise SparksError(
                f"layer {self._name(node)} computes something else than its kind and its "
                "arguments say (a hook, or an operation that changes a tensor in place?): "
                "what was read is another network"
            )

    def _same(self, ours: Tensor, theirs: Tensor) -> bool:
        if ours.shape != theirs.shape:
            return False
        finite = ours[ours.isfinite()].abs()
        self.size = max(self.size, float(finite.max()) if finite.numel() else 0.0)
        # Where a model has no finite output, its bounds say so.
        return torch.allclose(ours, theirs, rtol=0, atol=DIFFERENCE * self.size, equal_nan=True)

    def _name(self, node: Node) -> str:
        """Name a layer by its path and class, or a function by the module that calls it."""
        if node.op == "call_module":
            path = str(node.target)
            return f"{path.removeprefix('net.')} ({type(self.fetch_attr(path)).__name__})"
        called = str(getattr(node.target, "__name__", node.target))
        stack: Sequence[Any] = list(node.meta.get("nn_module_stack", {}).values())
        path, kind = stack[-1] if stack else ("", None)
        path = str(path).removeprefix("net").removeprefix(".")
        return f"{called} in {path} ({kind.__name__})" if path and kind else called


def _refusal(name: str, reason: str) -> str:
    return (
        f"layer {name} has no rule{reason}: use a network of Linear, Conv2d, ReLU, ReLU6, "
        "BatchNorm, average or max pooling, views, concatenation and sums; EVA can also verify "
        "the part behind this layer alone (the hybrid: layer=..., one of Classifier.layers())"
    )
