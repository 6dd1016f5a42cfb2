"""Faster forward passes, in which batch norms are part of the convolutions before them.

They are for explanations that need the logits only, not the layers. In evaluation mode a batch norm
scales and shifts the channels of a convolution's output, which the convolution can do itself: the
same logits to rounding, and one pass over the activations less. A copy of the network does so, made
of the same modules but for these convolutions; the network itself, and what layers of it compute
under their names, stays as it is.

On a CPU the convolutions of the copy have their weights with the channels last in memory, and
oneDNN then keeps all activations so: EfficientNet-Lite0 passes half as many images again. This is
safe where no gradient of weights is computed: that of a strided 1 x 1 convolution of fewer than 8
channels writes beyond its memory on CPUs without AVX-512 (oneDNN issue 6035).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from sparks.errors import SparksError
from sparks.models.split import trace

# Largest difference of the copy's outputs, over the largest output: beyond it is no rounding.
DIFFERENCE = 1e-4


class _Copy:
    """A copy of a network.

    Attributes:
        net: the copy; it shares all modules but the folded convolutions.
        pairs: convolution of the copy, and the convolution and batch norm that it stands for.
        parts: what the network was made of when it was copied.
    """

    def __init__(self, net: nn.Module) -> None:
        """Trace the network, and leave batch norms out.

        Raises:
            SparksError: when it cannot be traced.
        """
        self.parts = _parts(net)
        self.pairs: list[tuple[nn.Conv2d, nn.Conv2d, nn.BatchNorm2d]] = []
        graph = trace(net, buffers=True).graph
        called = [node for node in graph.nodes if node.op == "call_module"]
        modules = {node: net.get_submodule(str(node.target)) for node in called}
        owns: dict[str, nn.Conv2d] = {}
        for node, norm in modules.items():
            before = node.all_input_nodes[0]
            conv = modules.get(before)
            # A subclass may compute something else, and others may use the output or the module.
            if type(norm) is not nn.BatchNorm2d or type(conv) is not nn.Conv2d:
                continue
            shared = [module for module in modules.values() if module is conv]
            if len(before.users) > 1 or len(shared) > 1 or norm.running_var is None:
                continue
            own = copy(conv)
            own._parameters = dict(conv._parameters)
            owns[str(before.target)] = own
            self.pairs.append((own, conv, norm))
            node.replace_all_uses_with(before)
            graph.erase_node(node)
        self.net = GraphModule(net, graph).eval()
        for path, own in owns.items():
            self.net.set_submodule(path, own)

    @torch.inference_mode(False)
    @torch.no_grad()
    def refresh(self) -> nn.Module:
        """Fold the weights that the network has now, and return the copy."""
        for own, conv, norm in self.pairs:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            scale = (norm.running_var + norm.eps).rsqrt()
            scale = scale if norm.weight is None else scale * norm.weight
            shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
            shift = shift * scale if norm.bias is None else shift * scale + norm.bias
            weight = conv.weight * scale.view(-1, 1, 1, 1)
            if weight.device.type == "cpu":
                weight = weight.contiguous(memory_format=torch.channels_last)
            # Autocast keeps what it casts of parameters that need gradients.
            own.weight = nn.Parameter(weight, conv.weight.requires_grad)
            own.bias = nn.Parameter(shift, conv.weight.requires_grad)
        return self.net


def channels_last_weights(model: nn.Module) -> None:
    """Put the weights of convolutions channels last in memory, in place: the same numbers.

    For a network on a CPU that is explained and no longer trained (see above).
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module._parameters.get("weight") is not None:
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


_copies: WeakKeyDictionary[nn.Module, _Copy | None] = WeakKeyDictionary()
# A network, and what is called in its place meanwhile.
_instead: ContextVar[tuple[nn.Module, Callable[[Tensor], Any]] | None] = ContextVar(
    "instead", default=None
)


def in_place_of(net: nn.Module) -> Callable[[Tensor], Any]:
    """Return the function that a `Classifier` calls: its own network, or what `calling` says."""
    found = _instead.get()
    return net if found is None or found[0] is not net else found[1]


@contextmanager
def calling(net: nn.Module, instead: Callable[[Tensor], Any]) -> Iterator[None]:
    """Let a `Classifier` call another function in place of its network within the block."""
    token = _instead.set((net, instead))
    try:
        yield
    finally:
        _instead.reset(token)


@contextmanager
def folded(model: object, x: Tensor) -> Iterator[None]:
    """Let a `Classifier` in evaluation mode call a faster copy of its network within the block.

    Nothing happens for other models, nor for a network without batch norms behind convolutions,
    that cannot be traced, that has hooks, or whose copy computes something else.

    Args:
        model: any model.
        x: some of its inputs (N, C, H, W), on any device; a copy is tried on two of them.
    """
    from sparks.models.classifier import Classifier

    copied = _copied(model, x) if isinstance(model, Classifier) and len(x) else None
    if copied is None:
        yield
        return
    with calling(*copied):
        yield


def _copied(model: nn.Module, x: Tensor) -> tuple[nn.Module, nn.Module] | None:
    net: nn.Module = model.net  # type: ignore[assignment]
    if isinstance(net, torch.jit.ScriptModule) or any(map(hooked, net.modules())):
        return None
    known = _copies.get(net)
    if net not in _copies or (known is not None and known.parts != _parts(net)):
        known = _copies[net] = _made(model, net, x)
    return None if known is None else (net, known.refresh())


def _made(model: nn.Module, net: nn.Module, x: Tensor) -> _Copy | None:
    """Return a copy of a network; None where it would save nothing or give other logits."""
    if not any(type(module) is nn.BatchNorm2d for module in net.modules()):
        return None
    try:
        made = _Copy(net)
    except SparksError:
        return None
    if not made.pairs:
        return None
    like = next(net.parameters())
    with torch.no_grad():
        some = x[:2].to(like)
        expected = model(some)
        with calling(net, made.refresh()):
            found = model(some)
    least = DIFFERENCE * float(expected.abs().max())
    return made if bool(((found - expected).abs() <= least).all()) else None


def hooked(module: nn.Module) -> bool:
    """Return whether a module has hooks, which expect the network itself to be called."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, kind) for kind in kinds)


def _parts(net: nn.Module) -> list[int]:
    """Return the identities of the modules and tensors that a trace refers to."""
    return [*map(id, net.modules()), *map(id, net.parameters()), *map(id, net.buffers())]
