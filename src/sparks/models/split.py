"""Cut a network f into g and h with f = h ∘ g, at the output of any named layer that allows it.

The network is traced once by torch.fx. A cut at the activation a = g(x) is possible where a alone
determines the logits: every path from the input to the logits goes through it. (In the language
of graphs: the node *dominates* the output.) Inside a residual branch this does not hold.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node, Proxy, Tracer
from torch.nn import functional

from sparks.errors import SparksError

NAMED = 16  # layers that a refusal names, at most: the last ones


@dataclass(frozen=True)
class Trace:
    """A traced network: its graph, and where in it each module's output is.

    Attributes:
        root: the network.
        graph: of the whole network, from its one input to its one output.
        outputs: module path → the nodes it returned, one for each time it was called.
    """

    root: nn.Module
    graph: Graph
    outputs: dict[str, list[Node]] = field(default_factory=dict)

    @property
    def input(self) -> Node:
        """Node of the images."""
        node: Node = next(node for node in self.graph.nodes if node.op == "placeholder")
        return node

    @property
    def logits(self) -> Node:
        """Node of the logits."""
        returned = next(node for node in self.graph.nodes if node.op == "output").args[0]
        if not isinstance(returned, Node):
            raise SparksError(
                f"{_name(self.root)} returns a {type(returned).__name__}, not one tensor "
                "of logits: wrap it in a module that returns the logits alone"
            )
        return returned


def trace(net: nn.Module, buffers: bool = False) -> Trace:
    """Trace `net`, in evaluation mode, by torch.fx.

    Args:
        net: the network.
        buffers: trace what is computed from its buffers, as always from its parameters, instead of
            computing it now.

    Raises:
        SparksError: when the Python code of the network itself branches on the values of tensors.
    """
    modes = {module: module.training for module in net.modules()}
    net.eval()
    opaque: set[nn.Module] = set()
    try:
        while True:
            tracer = _Tracer(opaque)
            tracer.proxy_buffer_attributes = buffers
            try:
                return Trace(net, tracer.trace(net), tracer.outputs)
            except (torch.fx.proxy.TraceError, NameError, TypeError, RuntimeError) as error:
                # A module that branches is taken whole: cuts are possible around it, not inside.
                failed, wrapped = tracer.failed, getattr(net, "net", None)
                if failed is None or failed is wrapped or failed in opaque:
                    raise _untraceable(net, error) from error
                opaque.add(failed)
    finally:
        for module, mode in modes.items():
            module.training = mode


def _untraceable(net: nn.Module, error: Exception) -> SparksError:
    reason = str(error).partition(". ")[0].replace("\n", " ")
    return SparksError(
        f"{_name(net)} cannot be traced by torch.fx ({reason}), so it cannot be split at a layer: "
        "avoid Python branches on the values of tensors in its forward"
    )


def _name(net: nn.Module) -> str:
    """Return the class name of a network, or of the one that a classifier wraps."""
    return type(getattr(net, "net", net)).__name__


class _Tracer(Tracer):
    """The tracer of torch.fx, which also records the node that each module returned.

    Args:
        opaque: modules that are not looked into.
    """

    def __init__(self, opaque: Collection[nn.Module] = ()) -> None:
        super().__init__()
        self.outputs: dict[str, list[Node]] = {}
        self.opaque = opaque
        self.failed: nn.Module | None = None  # the innermost module that could not be traced

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m in self.opaque or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        try:
            output = super().call_module(m, forward, args, kwargs)
        except Exception:
            self.failed = self.failed or m
            raise
        if isinstance(output, Proxy):
            self.outputs.setdefault(self.path_of_module(m), []).append(output.node)
        return output


def cut_points(traced: Trace) -> dict[str, Node]:
    """Return the layers where a cut is possible, in the order of computation: path → node.

    A module that is called several times, such as a shared activation function, has more than one
    output, and is left out.
    """
    possible = _dominators(traced)
    order = {node: i for i, node in enumerate(traced.graph.nodes)}
    points = {
        path: nodes[0]
        for path, nodes in traced.outputs.items()
        if len(nodes) == 1 and nodes[0] in possible
    }
    return dict(sorted(points.items(), key=lambda item: order[item[1]]))


def shortest_names(points: dict[str, Node]) -> list[str]:
    """Return one name for each distinct activation: a stage rather than the last layer in it."""
    names: dict[Node, str] = {}
    for path, node in points.items():
        if node not in names or path.count(".") < names[node].count("."):
            names[node] = path
    return list(names.values())


def split_at(traced: Trace, layer: str, prefix: str = "") -> tuple[GraphModule, GraphModule]:
    """Cut a traced network at `layer` into g (images → activation) and h (activation → logits).

    Both share the network's modules, thus also its parameters and its mode (train or eval).

    Args:
        traced: from `trace`.
        layer: a module path below `prefix`, as in `named_modules`.
        prefix: of all paths, which messages leave out.

    Raises:
        SparksError: when the layer does not exist, or does not alone determine the logits.
    """
    points = {path.removeprefix(prefix): node for path, node in cut_points(traced).items()}
    if layer not in points:
        raise SparksError(_refusal(traced, layer, points, prefix))
    g = _part(traced, traced.input, points[layer], copy=False)
    h = _part(traced, points[layer], traced.logits, copy=True)
    return g, h


# Affine in evaluation mode. A subclass may compute something else, so that it does not count.
_AFFINE = (
    nn.AdaptiveAvgPool2d,
    nn.AvgPool2d,
    nn.Conv2d,
    nn.Dropout,
    nn.Flatten,
    nn.Identity,
    nn.Linear,
)
_AFFINE_CALLS = (
    *("clone", "contiguous", "flatten", "mean", torch.flatten, torch.mean),
    *(functional.adaptive_avg_pool2d, functional.avg_pool2d),
)


def affine_start(h: GraphModule) -> tuple[GraphModule, GraphModule]:
    """Cut h, as `split_at` made it, where it stops being affine: h = rest ∘ start.

    After the last stage of a convolutional network all of h is affine: the mean over places and
    the linear head. Where h begins with anything else, start is the identity.

    Returns:
        start, affine in evaluation mode, and rest. Both share the modules of h.
    """
    traced = Trace(h, h.graph)
    last = traced.input
    while len(last.users) == 1:
        (after,) = last.users
        if after.all_input_nodes != [last] or not _affine(after, h):
            break
        last = after
    start = _part(traced, traced.input, last, copy=True)
    return start, _part(traced, last, traced.logits, copy=False)


def _affine(node: Node, root: nn.Module) -> bool:
    if node.op == "call_module":
        return type(root.get_submodule(str(node.target))) in _AFFINE
    return node.target in _AFFINE_CALLS


def _refusal(traced: Trace, layer: str, points: dict[str, Node], prefix: str) -> str:
    names = shortest_names(points)
    possible = ("... " if len(names) > NAMED else "") + ", ".join(names[-NAMED:])
    known = [
        name.removeprefix(prefix)
        for name, _ in traced.root.named_modules()
        if name.startswith(prefix) and name != prefix
    ]
    if layer in known:
        return (
            f"layer {layer!r} cannot be split at: its output alone does not determine the logits "
            f"(a shortcut passes it by, or it is called several times); possible: {possible}"
        )
    close = get_close_matches(layer, known, n=3)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    return f"layer {layer!r} does not exist: {hint}possible: {possible}"


def _ancestors(sink: Node, without: Node) -> set[Node]:
    """Return every node that `sink` is computed from (itself too), not going through `without`."""
    found: set[Node] = set()
    pending = [sink]
    while pending:
        node = pending.pop()
        if node is not without and node not in found:
            found.add(node)
            pending.extend(node.all_input_nodes)
    return found


def _dominators(traced: Trace) -> set[Node]:
    """Return the nodes that every path from the images to the logits goes through."""
    needed = _ancestors(traced.logits, without=traced.input)
    order = {traced.input: 0}
    for node in traced.graph.nodes:
        if node in needed and any(source in order for source in node.all_input_nodes):
            order[node] = len(order)
    # In the order of computation, an edge from before a node to after it passes it by.
    found, reach = set(), 0
    for node, i in order.items():
        if reach <= i:
            found.add(node)
        reach = max([reach, *(order[user] for user in node.users if user in order)])
    return found


def _part(traced: Trace, source: Node, sink: Node, copy: bool) -> GraphModule:
    """Return the piece of the graph that computes `sink` from `source`.

    With `copy` it works on a copy of its input: an in-place layer that comes first must not
    change the activation the caller holds.
    """
    graph = Graph()
    entry = graph.placeholder("x")
    copies = {source: graph.call_method("clone", (entry,)) if copy else entry}
    wanted = _ancestors(sink, without=source)
    for node in traced.graph.nodes:
        if node in wanted:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(copies[sink])
    return GraphModule(traced.root, graph)
