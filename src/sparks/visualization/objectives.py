"""Objectives of feature visualisation: n objectives on one network, optimised in one batch.

>>> pictures = Ascent()(logits(model, [0, 3]), statistics, (64, 64))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sparks.concepts.layer import Layer
from sparks.engine.inference import Model
from sparks.errors import SparksError
from sparks.models.device import to_device
from sparks.short_repr import short_repr

# The cosine below which a direction no longer damps: its gradient would vanish with the cosine.
LEAST_COSINE = 0.1


@dataclass(frozen=True, eq=False)
class Objective:
    """n numbers to make large, each by a picture of its own.

    Attributes:
        network: images (b, C, h, w) → outputs, of which all objectives are read.
        read: outputs, and the objective of each (int64 (b,)) → values (b,).
        names: of the objectives, n of them.
    """

    network: Model
    read: Callable[[Tensor, Tensor], Tensor]
    names: tuple[str, ...]

    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.names)

    def __call__(self, x: Tensor, index: Tensor) -> Tensor:
        """Return the values (b,) of images (b, C, h, w), for objectives `index`."""
        outputs = self.network(x)
        # Scores are never in half precision, whatever the network is in.
        return self.read(outputs.to(torch.promote_types(outputs.dtype, torch.float32)), index)

    def subset(self, chosen: Sequence[int]) -> Objective:
        """Keep some of the objectives, in this order."""
        which, read = torch.tensor(list(chosen)), self.read
        return replace(
            self,
            read=lambda outputs, index: read(outputs, to_device(which, index.device)[index]),
            names=tuple(self.names[i] for i in chosen),
        )


def logits(model: Model, classes: Sequence[int]) -> Objective:
    """Return the objective that maximises the logits of some classes."""

    def read(outputs: Tensor, index: Tensor) -> Tensor:
        _check_range("class", classes, outputs.shape[1])
        return _pick(outputs, classes, index)

    return Objective(model, read, _named("class", classes))


def channels(layer: Layer, chosen: Sequence[int]) -> Objective:
    """Return the channels of a layer, averaged over all places."""
    _check_range("channel", chosen, layer.channels)
    return Objective(
        layer.g,
        lambda a, index: _pick(layer.flat(a).mean(1), chosen, index),
        _named("channel", chosen),
    )


def neurons(layer: Layer, chosen: Sequence[int], place: int | None = None) -> Objective:
    """Return the single units of a layer: channels at one place.

    Args:
        layer: see `Layer`.
        chosen: channels.
        place: index among the layer's places, row after row; the middle one if not given.
    """
    _check_range("channel", chosen, layer.channels)

    def read(a: Tensor, index: Tensor) -> Tensor:
        flat = layer.flat(a)
        return _pick(flat[:, middle(layer) if place is None else place], chosen, index)

    return Objective(layer.g, read, _named("neuron", chosen))


def middle(layer: Layer) -> int:
    """Return the middle place of a layer."""
    if layer.map_size is None:
        return layer.shape[0] // 2 if len(layer.shape) == 2 else 0
    height, width = layer.map_size
    return height // 2 * width + width // 2


def directions(
    layer: Layer, vectors: Tensor, pool: bool = True, least: float = LEAST_COSINE
) -> Objective:
    """Return directions in a layer's activations, such as concepts: ⟨a, v⟩ max(cos(a, v), 0.1)².

    The cosine keeps a picture to the one direction; a plain product is content with large a.

    Args:
        layer: see `Layer`.
        vectors: (n, p) for p channels, none of them zero.
        pool: whether a is the mean over places, as dictionaries are fitted; else every place is
            scored, and the scores are averaged.
        least: the cosine at which damping ends.
    """
    _check_vectors(vectors, layer.channels)

    def read(a: Tensor, index: Tensor) -> Tensor:
        flat = layer.flat(a)
        v = to_device(vectors, flat.device).to(flat)[index][:, None]
        return _along(flat.mean(1, keepdim=True) if pool else flat, v, least).mean(1)

    return Objective(layer.g, read, _named("direction", range(len(vectors))))


def inversion(layer: Layer, images: Tensor, least: float = LEAST_COSINE) -> Objective:
    """Return pictures whose activations are those of given images (N, C, H, W), at every place."""
    reference = layer.activations(images).flatten(1)
    _check_vectors(reference, reference.shape[1])

    def read(a: Tensor, index: Tensor) -> Tensor:
        there = to_device(reference, a.device).to(a)
        return _along(layer.flat(a).flatten(1), there[index], least)

    return Objective(layer.g, read, _named("image", range(len(images))))


def _along(a: Tensor, v: Tensor, least: float) -> Tensor:
    product = (a * v).sum(-1)
    cosine = product / (a.norm(dim=-1) * v.norm(dim=-1)).clamp(min=1e-12)
    score: Tensor = product * cosine.clamp(min=least) ** 2
    return score


def _pick(values: Tensor, chosen: Sequence[int], index: Tensor) -> Tensor:
    columns = to_device(torch.tensor(list(chosen)), values.device)[index]
    return values.gather(1, columns[:, None])[:, 0]


def _named(kind: str, chosen: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{kind} {i}" for i in chosen)


def _check_range(kind: str, chosen: Sequence[int], count: int) -> None:
    if not len(chosen) or not all(0 <= i < count for i in chosen):
        raise SparksError(
            f"{kind} {list(chosen)} is not among the {count} there are: 0 to {count - 1}"
        )


def _check_vectors(vectors: Tensor, size: int) -> None:
    if vectors.ndim != 2 or vectors.shape[1] != size:
        raise SparksError(f"directions must be of shape (n, {size}), not {tuple(vectors.shape)}")
    dead = (~(vectors.norm(dim=1) > 0)).nonzero().flatten().tolist()
    if dead:
        raise SparksError(f"direction {dead[0]} is zero or NaN: it points nowhere, leave it out")
