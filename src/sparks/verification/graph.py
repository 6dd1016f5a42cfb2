"""Read a network as a short list of layers that have bounds."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Interpreter, Node
from torch.nn import functional

from sparks.engine.running import evaluating
from sparks.errors import SparksError
from sparks.models.classifier import normalised
from sparks.models.convnet import channels_last
from sparks.models.split import Trace, trace
from sparks.verification.layers import (
    Add,
    Average,
    Conv,
    Dense,
    Layer,
    MaxPool,
    ReLU,
    Reshape,
    Scale,
    Shape,
)


@dataclass(frozen=True)
class Step:
    """One layer in its network.

    Attributes:
        layer: what it computes; None for the input of the network.
        inputs: places of the steps it takes.
        shape: of its output, without the batch.
    """

    layer: Layer | None
    inputs: tuple[int, ...]
    shape: Shape


@dataclass(frozen=True)
class Network:
    """Layers in the order of computation: the first step is the input, the last the output."""

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
        """Elements of the largest activation."""
        return max(prod(step.shape) for step in self.steps)

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs (b, outputs) of inputs (b, *shape)."""
        values = [x]
        for step in self.steps[1:]:
            assert step.layer is not None
            values.append(step.layer(*(values[i] for i in step.inputs)))
        return values[-1]

    def to(self, dtype: torch.dtype) -> Network:
        """The network with its weights in another precision; differentiable as before."""
        return Network(tuple(replace(step, layer=_cast(step.layer, dtype)) for step in self.steps))

    def then(self, rows: Tensor) -> Network:
        """The network followed by a matrix (s, outputs); one with a dense head if this has one.

        So a difference of two logits is bounded as one number, not as a difference of bounds.
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
    """A tensor with the device and the precision of a network; of no use if it has no weights."""
    for step in network.steps:
        for name in ("weight", "factor"):
            if isinstance(found := getattr(step.layer, name, None), Tensor):
                return found
    return torch.zeros(())


def read(model: nn.Module, shape: Shape) -> Network:
    """Read a network, in evaluation mode, for inputs of one shape.

    Its weights are the model's own, not copies, so that bounds have derivatives.

    Args:
        model: of Linear, Conv2d, ReLU, BatchNorm, average and max pooling, means, flattening,
            sums of two branches, and the normalisation of `sparks.models.Classifier`.
        shape: of one input, (C, H, W) or (d,).

    Raises:
        SparksError: naming the layer that has no rule, or when the model cannot be traced.
    """
    traced = trace(model)
    values = _values(model, traced, shape)
    places: dict[Node, int] = {traced.input: 0}
    steps = [Step(None, (), shape)]
    for node in traced.graph.nodes:
        if node.op == "output" or not any(source in places for source in node.all_input_nodes):
            continue
        value = values[node]
        if isinstance(value, int | torch.Size | torch.dtype | torch.device):
            continue  # what the forward asks of a tensor's shape or kind
        sources = [source for source in node.all_input_nodes if source in places]
        layer = _layer(node, traced.root, values, sources)
        inputs = tuple(places[source] for source in sources)
        if isinstance(layer, Add) and len(inputs) == 1:
            inputs *= 2  # x + x
        before = steps[inputs[0]]
        if (
            isinstance(layer, Scale)
            and isinstance(before.layer, Conv | Dense)
            and inputs[0] == len(steps) - 1
            and len(sources[0].users) == 1
        ):
            # One layer less to pass for every bound.
            merged = before.layer.after(layer.factor.flatten(), layer.offset.flatten())
            steps[-1] = replace(before, layer=merged)
        else:
            steps.append(Step(layer, inputs, tuple(value.shape[1:])))
        places[node] = len(steps) - 1
    if places[traced.logits] != len(steps) - 1:
        steps = steps[: places[traced.logits] + 1]
    return Network(tuple(steps))


def _values(model: nn.Module, traced: Trace, shape: Shape) -> dict[Node, Any]:
    """What every node of the graph returns for an input of zeros."""
    values: dict[Node, Any] = {}

    class Recorder(Interpreter):
        def run_node(self, n: Node) -> Any:
            values[n] = super().run_node(n)
            return values[n]

    like = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    with torch.no_grad(), evaluating(model):
        # Layers in place would change what is recorded: shapes alone count.
        Recorder(model, graph=traced.graph).run(like.new_zeros(1, *shape))
    return values


def _layer(node: Node, root: nn.Module, values: dict[Node, Any], sources: list[Node]) -> Layer:
    """The layer of one node."""
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        make = _MODULES.get(type(module))
        found = make(module, values[sources[0]]) if make else None
        name = f"{str(node.target).removeprefix('net.')} ({type(module).__name__})"
    else:
        called = node.target
        make_function = _FUNCTIONS.get(called)
        name = str(getattr(called, "__name__", called))
        known = {n: v for n, v in values.items() if n not in sources}
        args = torch.fx.node.map_arg(node.args, lambda n: known.get(n, n))
        kwargs = torch.fx.node.map_arg(node.kwargs, lambda n: known.get(n, n))
        constants = sum(isinstance(a, Tensor) for a in args)
        found = None
        if make_function and (not constants or called is normalised):
            found = make_function(values[sources[0]], values[node], args[1:], kwargs)
    if found is None:
        raise SparksError(
            f"layer {name} has no rule for bounds: verify the part of the network behind it only "
            "(the hybrid: EVA with layer=..., a layer from Classifier.layers()), or use a network "
            "of Linear, Conv2d, ReLU, BatchNorm, average or max pooling, flattening and sums"
        )
    return found


# --- modules ---------------------------------------------------------------------------------


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _conv(module: nn.Module, x: Tensor) -> Layer | None:
    assert isinstance(module, nn.Conv2d)
    padding: Any = module.padding
    if padding == "same":
        both = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        padding = None if any(p % 2 for p in both) else [p // 2 for p in both]
    if padding is None or module.padding_mode != "zeros":
        return None
    return Conv(
        module.weight,
        module.bias,
        _pair(module.stride),
        (0, 0) if padding == "valid" else _pair(padding),
        _pair(module.dilation),
        module.groups,
    )


def _norm(module: nn.Module, x: Tensor) -> Layer | None:
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None:
        return None  # its statistics would be those of the batch
    factor = (variance + module.eps).rsqrt()
    factor = factor if module.weight is None else factor * module.weight
    offset = -mean * factor if module.bias is None else module.bias - mean * factor
    shape = (-1,) + (1,) * (x.ndim - 2)
    return Scale(factor.view(shape), offset.view(shape))


def _dense(module: nn.Module, x: Tensor) -> Layer | None:
    assert isinstance(module, nn.Linear)
    return Dense(module.weight, module.bias)


def _pool(module: nn.Module, x: Tensor) -> Layer | None:
    assert isinstance(module, nn.AvgPool2d)
    return Average(module, prod(_pair(module.kernel_size)))


def _adaptive(module: nn.Module, x: Tensor) -> Layer | None:
    return Average(module, prod(x.shape[2:]))


def _max_pool(module: nn.Module, x: Tensor) -> Layer | None:
    assert isinstance(module, nn.MaxPool2d)
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    return MaxPool({name: getattr(module, name) for name in names})


def _same(module: nn.Module, x: Tensor) -> Layer:
    return Reshape(tuple(x.shape[1:]))


_MODULES: dict[type[nn.Module], Callable[[nn.Module, Tensor], Layer | None]] = {
    nn.Linear: _dense,
    nn.Conv2d: _conv,
    nn.BatchNorm1d: _norm,
    nn.BatchNorm2d: _norm,
    nn.ReLU: lambda module, x: ReLU(),
    nn.AvgPool2d: _pool,
    nn.AdaptiveAvgPool2d: _adaptive,
    nn.MaxPool2d: _max_pool,
    nn.Flatten: lambda module, x: Reshape(tuple(module(x).shape[1:])),
    nn.Identity: _same,
    nn.Dropout: _same,
    nn.Dropout2d: _same,
}


# --- functions and methods -------------------------------------------------------------------

Arguments = tuple[Any, ...]
Keywords = dict[str, Any]


def _reshape(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | None:
    return Reshape(tuple(y.shape[1:])) if len(y) == len(x) else None


def _dropout(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | None:
    training = args[1] if len(args) > 1 else kwargs.get("training", True)
    return None if training else Reshape(tuple(y.shape[1:]))


def _relu(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | None:
    return ReLU()


def _add(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | None:
    two = len(args) == 1 and isinstance(args[0], Node) and not kwargs
    return Add() if two else None


def _mean(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | None:
    axes = args[0] if args else kwargs.get("dim")
    axes = [axes] if isinstance(axes, int) else axes
    if axes is None or any(axis % x.ndim == 0 for axis in axes):
        return None  # over the batch too
    keep = bool(args[1] if len(args) > 1 else kwargs.get("keepdim", False))
    return Average(lambda v: v.mean(axes, keep), prod(x.shape[axis] for axis in axes))


def _average(function: Callable[..., Tensor]) -> Callable[..., Layer | None]:
    def make(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | None:
        return Average(lambda v: function(v, *args, **kwargs), prod(x.shape[2:]))

    return make


def _max_function(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | None:
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    settings = dict(zip(names, args, strict=False)) | kwargs
    if settings.pop("return_indices", False):
        return None
    return MaxPool(settings)


def _normalised(x: Tensor, y: Tensor, args: Arguments, kwargs: Keywords) -> Layer | None:
    mean, std = (value.view(-1, 1, 1) for value in args)
    return Scale(1 / std, -mean / std)


_FUNCTIONS: dict[Any, Callable[..., Layer | None]] = {
    normalised: _normalised,
    channels_last: _reshape,
    torch.relu: _relu,
    functional.relu: _relu,
    "relu": _relu,
    "relu_": _relu,
    operator.add: _add,
    operator.iadd: _add,
    torch.add: _add,
    "add": _add,
    "add_": _add,
    torch.flatten: _reshape,
    "flatten": _reshape,
    "view": _reshape,
    "reshape": _reshape,
    "contiguous": _reshape,
    "clone": _reshape,
    functional.dropout: _dropout,
    torch.mean: _mean,
    "mean": _mean,
    functional.avg_pool2d: _average(functional.avg_pool2d),
    functional.adaptive_avg_pool2d: _average(functional.adaptive_avg_pool2d),
    functional.max_pool2d: _max_function,
}
