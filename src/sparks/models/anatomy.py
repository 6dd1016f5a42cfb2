"""What the layers of a network give: which have maps of features, and which gives the logits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sparks.engine.outputs import logits_of
from sparks.engine.running import evaluating
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.models.device import to_device
from sparks.models.heads import affine_layers
from sparks.models.layout import channels_first, layout_of
from sparks.models.split import affine_start

NAMED = 8  # layers that a message names, at most


class Output(NamedTuple):
    """What a layer gave, and the place of the same tensor among all outputs."""

    layer: str
    tensor: Tensor


def outputs(model: nn.Module, x: Tensor) -> tuple[Tensor, list[Output]]:
    """Logits, and what each layer gave, in the order of computation.

    A layer that is called several times, or gives no single tensor, is left out.

    Args:
        model: a classifier; names are those below its `net`, where it has one.
        x: images.
    """
    net = getattr(model, "net", model)
    names = {module: name for name, module in net.named_modules() if name}
    given: dict[str, list[Any]] = {}
    with _watching(names, given), torch.no_grad(), evaluating(model):
        device = next(model.parameters(), x).device
        logits = logits_of(model(to_device(x, device)))
    found = [Output(name, made[0]) for name, made in given.items() if len(made) == 1]
    return logits, [output for output in found if isinstance(output.tensor, Tensor)]


@contextmanager
def _watching(names: dict[nn.Module, str], given: dict[str, list[Any]]) -> Iterator[None]:
    def keep(module: nn.Module, _: Any, output: Any) -> Any:
        given.setdefault(names[module], []).append(output)
        # Later layers may work in place: they get a copy, and the output stays what it was.
        return output.clone() if isinstance(output, Tensor) else output

    handles = [module.register_forward_hook(keep) for module in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def map_layers(model: nn.Module, x: Tensor) -> list[str]:
    """List the layers with maps of features of more than one place, in the order of computation."""
    net, size = getattr(model, "net", model), (x.shape[2], x.shape[3])
    found = []
    for layer, tensor in outputs(model, x)[1]:
        if tensor.ndim != 4:
            continue
        try:
            layout = layout_of(
                model, net.get_submodule(layer), layer, tuple(tensor.shape[1:]), size
            )
        except SparksError:
            continue
        if channels_first(tensor, layout).shape[2:].numel() > 1:
            found.append(layer)
    return found


def head_layers(model: nn.Module, x: Tensor) -> list[str]:
    """List the affine layers whose outputs are the logits: one at most, but for odd networks."""
    net = getattr(model, "net", model)
    logits, given = outputs(model, x)
    affine = set(affine_layers(net))
    return [o.layer for o in given if o.layer in affine and _same(o.tensor, logits)]


def check_head(model: nn.Module, head: str | Sequence[str], x: Tensor) -> None:
    """Refuse a head whose outputs are not the logits, or, of several heads, not their mean.

    Raises:
        SparksError: naming the layers that would do.
    """
    names = [head] if isinstance(head, str) else list(head)
    net = getattr(model, "net", model)
    logits, given = outputs(model, x)
    made = {o.layer: o.tensor for o in given if o.layer in names}
    affine = affine_layers(net)
    wrong = next((name for name in names if name not in affine or name not in made), None)
    if wrong is None:
        mean = torch.stack([made[name].flatten(1) for name in names]).mean(0)
        if _same(mean, logits):
            return
        reason = "the logits are something else than its outputs"
    elif wrong in dict(net.named_modules()):
        reason = f"it is no affine layer with a row for each class ({wrong})"
    else:
        reason = f"there is no layer {wrong!r}"
    possible = head_layers(model, x)
    raise SparksError(
        f"{reason}: "
        + (f"use {' or '.join(possible)}" if possible else "no layer will do, use null")
    )


def is_affine_from(model: Classifier, layer: str) -> bool:
    """Whether a network is affine from a layer to its logits: concepts there are exact."""
    _, rest = affine_start(model.split(layer)[1])
    return all(node.op in ("placeholder", "output") for node in rest.graph.nodes)


def named(layers: Sequence[str]) -> str:
    """Name layers that would do in a message: the last ones, and stages rather than their parts."""
    if not layers:
        return "no layer will do"
    depth = min(layer.count(".") for layer in layers)
    outer = [layer for layer in layers if layer.count(".") == depth]
    more = "... " if len(outer) > NAMED else ""
    return f"layers that will do: {more}{', '.join(outer[-NAMED:])}"


def _same(tensor: Tensor, logits: Tensor) -> bool:
    flat, largest = tensor.flatten(1), logits.abs().max()
    return flat.shape == logits.shape and bool((flat - logits).abs().max() <= 1e-4 * largest)
