"""Visual circuits: the channels of several layers that serve a concept, and their edges.

Rajaram et al. 2024, "Automatic discovery of visual circuits" (arXiv 2404.14349): units of a layer
are scored by their attribution to the units of the next layer that are in the circuit already, from
the concept down to the input. Whether the circuit serves the concept is asked of the network: with
all other units held at their means, or with those of the circuit.

    N  images      p  channels of a layer      s  score of the concept of an image
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sparks.attribution.cam import find_layer, output_of
from sparks.checks import whole
from sparks.engine.inference import device_of, evaluating
from sparks.errors import SparksError
from sparks.models.device import to_device
from sparks.short_repr import short_repr


@dataclass(frozen=True, eq=False)
class Circuit:
    """Channels of several layers that serve a concept.

    Attributes:
        units: layer → channels of the circuit, bool (p,); from the input to the concept.
        scores: layer → attribution of each channel to the circuit behind it, (p,).
        edges: layer → attribution of each of its channels through each channel of the next layer,
            (p, p of the next); 0 where that is not in the circuit. The last layer has none.
    """

    units: Mapping[str, Tensor]
    scores: Mapping[str, Tensor]
    edges: Mapping[str, Tensor]

    __repr__ = short_repr

    @property
    def others(self) -> dict[str, Tensor]:
        """The channels that are not in the circuit, by layer."""
        return {layer: ~units for layer, units in self.units.items()}

    def shuffled(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return as many channels of each layer, drawn at random."""
        return {
            layer: units[torch.randperm(len(units), generator=generator)]
            for layer, units in self.units.items()
        }


@dataclass(frozen=True, kw_only=True)
class CrossLayerAttribution:
    """Discovery of a circuit by attribution across layers (Rajaram et al. 2024).

    The concept is a direction v in the channels of the last layer: s is the mean of a · v over
    places. There a channel scores by its part of s. Going down, channel i scores by the sum of its
    edges to the channels j of the circuit, E_ij = mean over images of
    Σ a_i · ∂(Σ a_j · ∂s/∂a_j)/∂a_i over places, with ∂s/∂a_j held fixed. By the chain rule the
    edges of a channel to all channels of the next layer sum to a_i · ∂s/∂a_i, where all that it
    does passes through that layer. The `size` channels of each layer with the largest |score| are
    the circuit.

    Attributes:
        layers: names, from the input to the layer of the concept.
        size: channels taken of each layer; all where it has fewer.
        batch_size: images at a time, the bound on memory.

    Raises:
        SparksError: when a setting is out of its range; when called, for layers that do not exist,
            or have no channels first.

    Example:
        >>> from sparks.concepts import CrossLayerAttribution
        >>> two = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), *pool)
        >>> find = CrossLayerAttribution(layers=("1", "3"), size=2)
        >>> circuit = find(two, images, torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]))
        >>> [int(units.sum()) for units in circuit.units.values()], circuit.edges["1"].shape
        ([2, 2], torch.Size([4, 5]))
    """

    layers: Sequence[str]
    size: int
    batch_size: int = 64

    def __post_init__(self) -> None:
        whole(self, 1, "size", "batch_size")
        if isinstance(self.layers, str) or len(self.layers) < 1:
            raise SparksError(
                f"CrossLayerAttribution: layers={self.layers!r} is no list of names of layers"
            )

    def __call__(self, model: nn.Module, x: Tensor, direction: Tensor) -> Circuit:
        """Find the circuit of a direction (p,) in images x (N, C, H, W) that show the concept."""
        last = self.layers[-1]
        found: dict[str, Tensor] = {}
        edges: dict[str, Tensor] = {}
        own = [self._edges(model, part, direction, last, None) for part in self._parts(x)]
        scores = {last: _mean(own, x).sum(1)}
        found[last] = _largest(scores[last], self.size)
        for layer, following in reversed(list(zip(self.layers, self.layers[1:], strict=False))):
            pair = (layer, found[following])
            made = [self._edges(model, p, direction, following, pair) for p in self._parts(x)]
            edges[layer] = _mean(made, x)
            scores[layer] = edges[layer].sum(1)
            found[layer] = _largest(scores[layer], self.size)
        ordered = [layer for layer in self.layers if layer in found]
        return Circuit(
            {layer: found[layer] for layer in ordered},
            {layer: scores[layer] for layer in ordered},
            {layer: edges[layer] for layer in ordered[:-1]},
        )

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        return torch.split(x, self.batch_size)

    def _edges(
        self,
        model: nn.Module,
        x: Tensor,
        direction: Tensor,
        following: str,
        pair: tuple[str, Tensor] | None,
    ) -> Tensor:
        """Return edges (p, p of the next), summed over images.

        Args:
            model: asked.
            x: images (n, C, H, W).
            direction: of the concept.
            following: the next layer.
            pair: the layer, and the channels (p of the next,) of the circuit in the next one; None
                for the parts of s in the next layer itself, (p, 1).
        """
        names = list(dict.fromkeys([*([pair[0]] if pair else []), following, self.layers[-1]]))
        outputs = activations(model, names, x, grad=True)
        score = concept_score(outputs[self.layers[-1]], direction).sum()
        behind = outputs[following]
        (slope,) = torch.autograd.grad(score, behind, retain_graph=True)
        if pair is None:
            return (behind * slope).sum((0, 2, 3)).detach()[:, None].cpu()
        layer, units = pair
        before = outputs[layer]
        weighted = (behind * slope.detach()).sum((0, 2, 3))
        edges = torch.zeros(before.shape[1], behind.shape[1])
        for unit in units.nonzero()[:, 0].tolist():
            (grad,) = torch.autograd.grad(weighted[unit], before, retain_graph=True)
            edges[:, unit] = (before * grad).sum((0, 2, 3)).detach().cpu()
        return edges


def concept_score(activation: Tensor, direction: Tensor) -> Tensor:
    """Return the mean of a · v over places, (N,), of feature maps a (N, p, h, w)."""
    return torch.einsum("nphw,p->n", activation, to_device(direction, activation.device)) / (
        activation.shape[2] * activation.shape[3]
    )


def activations(
    model: nn.Module, layers: Sequence[str], x: Tensor, grad: bool = False
) -> dict[str, Tensor]:
    """Return the feature maps (N, p, h, w) of layers, by name.

    Args:
        model: in any mode; asked in evaluation mode.
        layers: their names.
        x: images (N, C, H, W).
        grad: keep what is needed for derivatives.

    Raises:
        SparksError: when a layer does not exist, or has no feature maps with channels first.
    """
    modules = {name: find_layer(model, name) for name in layers}
    with ExitStack() as stack:
        stack.enter_context(evaluating(model))
        stack.enter_context(torch.enable_grad() if grad else torch.no_grad())
        kept = {name: stack.enter_context(output_of(m)) for name, m in modules.items()}
        images = to_device(x.detach().clone(), device_of(model, x))
        model(images.requires_grad_(grad))
    found = {name: outputs[-1] if outputs else None for name, outputs in kept.items()}
    for name, output in found.items():
        if not isinstance(output, Tensor) or output.ndim != 4:
            raise SparksError(f"layer {name!r} gives no feature maps (N, channels, h, w)")
    return {name: output for name, output in found.items() if output is not None}


@contextmanager
def ablated(
    model: nn.Module, removed: Mapping[str, Tensor], means: Mapping[str, Tensor]
) -> Iterator[None]:
    """Hold channels at their means within the block.

    Args:
        model: changed meanwhile.
        removed: layer → the channels that are held, bool (p,).
        means: layer → mean feature maps (p, h, w), such as `mean_activations` gives.

    Example:
        >>> from sparks.concepts.circuits import ablated, mean_activations
        >>> means = mean_activations(net, ["1"], images)
        >>> with ablated(net, {"1": torch.ones(4, dtype=torch.bool)}, means):
        ...     constant = net(images)
        >>> torch.allclose(constant, constant[:1].expand(6, -1))
        True
    """

    def hold(layer: str) -> Any:
        def replaced(_: nn.Module, __: Any, output: Tensor) -> Tensor:
            channels = to_device(removed[layer], output.device)[:, None, None]
            return torch.where(channels, to_device(means[layer], output.device), output)

        return replaced

    with ExitStack() as stack:
        for layer in removed:
            handle = find_layer(model, layer).register_forward_hook(hold(layer))
            stack.callback(handle.remove)
        yield


def mean_activations(
    model: nn.Module, layers: Sequence[str], x: Tensor, batch_size: int = 64
) -> dict[str, Tensor]:
    """Return the mean feature maps (p, h, w) of layers over images x (N, C, H, W), by name."""
    total: dict[str, Tensor] = {}
    for part in torch.split(x, batch_size):
        for name, maps in activations(model, layers, part).items():
            total[name] = total.get(name, torch.zeros(())) + maps.sum(0).cpu()
    return {name: summed / len(x) for name, summed in total.items()}


def _mean(parts: Sequence[Tensor], x: Tensor) -> Tensor:
    return torch.stack(list(parts)).sum(0) / len(x)


def _largest(scores: Tensor, size: int) -> Tensor:
    """Return the channels with the largest absolute scores, bool (p,)."""
    chosen = torch.zeros(len(scores), dtype=torch.bool)
    chosen[scores.abs().topk(min(size, len(scores))).indices] = True
    return chosen
