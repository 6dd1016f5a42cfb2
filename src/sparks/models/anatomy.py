"""Inspection of a network's layers: those with feature maps, and the one that gives the logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sparks.engine.inference import evaluating
from sparks.engine.outputs import logits_of
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.models.device import to_device
from sparks.models.heads import affine_layers
from sparks.models.layout import layout_of, proportional
from sparks.models.shapes import pass_shapes
from sparks.models.split import affine_start

NAMED = 8  # layers that a message names, at most


# Outputs of more numbers are known by their shapes alone: those of all layers of an image may be
# gigabytes, and logits are few.
SMALL = 2**16


class Output(NamedTuple):
    """Output of a layer: its shape, and the tensor itself where it is small."""

    layer: str
    shape: tuple[int, ...]
    tensor: Tensor | None


def outputs(model: nn.Module, x: Tensor) -> tuple[Tensor, list[Output]]:
    """Return the logits, and the output of each layer in the order of computation.

    A layer that is called several times, or returns no single tensor, is left out.

    Args:
        model: a classifier; names are those below its `net`, where it has one.
        x: images (N, C, H, W).
    """
    net = getattr(model, "net", model)
    names = {module: name for name, module in net.named_modules() if name}
    given: dict[str, list[Output]] = {}

    def keep(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            # A copy: later layers may work in place.
            small = output.clone() if output.numel() <= SMALL else None
            made = Output(names[module], tuple(output.shape), small)
            given.setdefault(names[module], []).append(made)

    with _watching(names, keep), torch.no_grad(), evaluating(model):
        device = next(model.parameters(), x).device
        logits = logits_of(model(to_device(x, device)))
    return logits, [made[0] for made in given.values() if len(made) == 1]


def footprint(model: nn.Module, shape: tuple[int, ...]) -> int | None:
    """Return the bytes that input and output take of the layer where they take most.

    Args:
        model: the network.
        shape: of the images, (N, C, H, W).

    Returns:
        The bytes; None where shapes depend on the values that the network computes.
    """
    largest = 0

    def measure(_: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal largest
        tensors = [t for t in (*inputs, output) if isinstance(t, Tensor)]
        largest = max(largest, sum(t.numel() * t.element_size() for t in tensors))

    leaves = [module for module in model.modules() if not list(module.children())]
    with _watching(leaves, measure), evaluating(model):
        return largest if pass_shapes(model, shape) else None


@contextmanager
def _watching(modules: Iterable[nn.Module], hook: Callable[..., None]) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def map_layers(model: nn.Module, x: Tensor) -> list[str]:
    """List the layers with feature maps of more than one place, in the order of computation.

    Args:
        model: a classifier; names are those below its `net`, where it has one.
        x: images (N, C, H, W).
    """
    return list(_places_of_layers(model, x))


def last_of_each_size(model: nn.Module, x: Tensor) -> list[str]:
    """List the last layer with feature maps of each resolution, in the order of computation.

    These are the ends of a network's blocks, before the resolution is reduced.

    Args:
        model: a classifier; names are those below its `net`, where it has one.
        x: images (N, C, H, W).
    """
    return list({places: layer for layer, places in _places_of_layers(model, x).items()}.values())


def _places_of_layers(model: nn.Module, x: Tensor) -> dict[str, int]:
    """Return the number of places of each layer with feature maps of more than one."""
    net, size = getattr(model, "net", model), (x.shape[2], x.shape[3])
    found = {}
    for layer, shape, _ in outputs(model, x)[1]:
        if len(shape) != 4:
            continue
        try:
            layout = layout_of(model, net.get_submodule(layer), layer, shape[1:], size)
        except SparksError:
            continue
        if (places := _places(shape, layout)) > 1:
            found[layer] = places
    return found


def head_layers(model: nn.Module, x: Tensor) -> list[str]:
    """List the affine layers whose outputs are the logits: one in most networks, or none.

    Args:
        model: a classifier; names are those below its `net`, where it has one.
        x: images (N, C, H, W).
    """
    net = getattr(model, "net", model)
    logits, given = outputs(model, x)
    affine = set(affine_layers(net))
    return [o.layer for o in given if o.layer in affine and _same(o.tensor, logits)]


def check_head(model: nn.Module, head: str | Sequence[str], x: Tensor) -> None:
    """Refuse a head whose outputs are not the logits, or several heads whose mean is not.

    Args:
        model: a classifier; names are those below its `net`, where it has one.
        head: name of an affine layer, or names of several.
        x: images (N, C, H, W).

    Raises:
        SparksError: naming the layers that are possible.
    """
    names = [head] if isinstance(head, str) else list(head)
    if not names:
        raise SparksError("no layer is named")
    net = getattr(model, "net", model)
    logits, given = outputs(model, x)
    made = {o.layer: o.tensor for o in given if o.layer in names and o.tensor is not None}
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
    """Return whether a network is affine from a layer to its logits.

    The importance of concepts of such a layer has a closed form.
    """
    _, rest = affine_start(model.split(layer)[1])
    return all(node.op in ("placeholder", "output") for node in rest.graph.nodes)


def named(layers: Sequence[str]) -> str:
    """Return possible layers as words of a message: the last ones, stages rather than parts."""
    if not layers:
        return "no layer will do"
    depth = min(layer.count(".") for layer in layers)
    outer = [layer for layer in layers if layer.count(".") == depth]
    more = "... " if len(outer) > NAMED else ""
    return f"layers that will do: {more}{', '.join(outer[-NAMED:])}"


def _places(shape: tuple[int, ...], layout: str) -> int:
    """Return the number of places of maps (N, C, h, w) or (N, h, w, C)."""
    return math.prod(shape[1:3] if layout == "NHWC" else shape[2:])


def _same(tensor: Tensor | None, logits: Tensor) -> bool:
    if tensor is None:
        return False
    flat, largest = tensor.flatten(1), logits.abs().max()
    return flat.shape == logits.shape and bool((flat - logits).abs().max() <= 1e-4 * largest)


class Found(NamedTuple):
    """Layers of a network, as its configuration file states them.

    Attributes:
        kind: "conv", "smooth" (convolutional without ReLU), "dense" or "transformer".
        layer: last layer with maps of features that the logits depend on alone; None without any.
        layout: "NHWC" where these have channels last, else None.
        concept_layer: the same layer, or the last one with a grid of tokens; None without any.
        head: affine layers whose outputs, or whose mean, are the logits; empty without any.
    """

    kind: str
    layer: str | None
    layout: str | None
    concept_layer: str | None
    head: tuple[str, ...]


def describe(model: Classifier, x: Tensor, heads: Sequence[str] = ()) -> Found:
    """Find the layers of a network that explanations and concepts look at.

    Args:
        model: the network.
        x: one image (1, C, H, W), of random pixels.
        heads: layers that may give the logits together, where no single one does.

    Raises:
        SparksError: when it cannot be traced.
    """
    given = {output.layer: output.shape for output in outputs(model, x)[1]}
    cuts = [name for name in model.layers() if name in given]
    layer = layout = concepts = None
    for name in cuts:  # an embedding of patches is not the last layer before tokens that is meant
        shape = given[name]
        if len(shape) == 4 and (found := _layout(model, name, shape, x)):
            layer, layout = name, {"NHWC": "NHWC"}.get(found)
            concepts = name
        elif len(shape) == 3:
            layer = layout = None
            concepts = name if math.isqrt(shape[1]) ** 2 == shape[1] else None
    single = head_layers(model, x)
    head = (single[-1],) if single else _together(model, heads, x)
    relu = _has_rule(model, x)
    kind = ("conv" if relu else "smooth") if layer else ("dense" if relu else "transformer")
    return Found(kind, layer, layout, concepts, head)


def _layout(model: Classifier, name: str, shape: tuple[int, ...], x: Tensor) -> str | None:
    """Return the layout of maps with more than one place; None for one place, or if unknown."""
    size = (x.shape[2], x.shape[3])
    try:
        found = layout_of(model, model.net.get_submodule(name), name, shape[1:], size)
    except SparksError:
        if not proportional(shape[1:3], size) or proportional(shape[2:], size):
            return None
        found = "NHWC"
    return found if _places(shape, found) > 1 else None


def _together(model: Classifier, heads: Sequence[str], x: Tensor) -> tuple[str, ...]:
    try:
        check_head(model, heads, x)
    except SparksError:
        return ()
    return tuple(heads)


def _has_rule(model: Classifier, x: Tensor) -> bool:
    from sparks.attribution.guided_backprop import GuidedBackprop

    try:
        GuidedBackprop().check(model, x)
    except SparksError:
        return False
    return True
