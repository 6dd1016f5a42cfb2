"""Objectives of feature visualisation: n objectives on one network, optimised in one batch."""

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
        network: images (b, C, h, w) → outputs (b, ...), from which all objectives are read.
        read: function of the outputs, and of the number of the objective to read from each, int64
            (b,), that returns values (b,).
        names: of the objectives, n of them.

    Example:
        Three objectives: the mean of each colour channel.

        >>> def read(means, index):
        ...     return means.gather(1, index[:, None])[:, 0]
        >>> colours = Objective(lambda x: x.mean((2, 3)), read, ("red", "green", "blue"))
        >>> green = colours(images[:1], index=torch.tensor([1]))
        >>> torch.allclose(green, images[0, 1].mean())
        True
        >>> colours.subset([2]).names
        ('blue',)
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
        """Return the objectives at these places of `names`, in this order."""
        which, read = torch.tensor(list(chosen)), self.read
        return replace(
            self,
            read=lambda outputs, index: read(outputs, to_device(which, index.device)[index]),
            names=tuple(self.names[i] for i in chosen),
        )


def logits(model: Model, classes: Sequence[int]) -> Objective:
    """Return the objectives that maximise the logits of some classes.

    Args:
        model: images (b, C, h, w) → logits (b, classes).
        classes: numbers of the classes, one picture each.

    Raises:
        SparksError: when the model is run, for a class that it does not have.

    Example:
        >>> objective = logits(model, [0, 1])
        >>> objective.names
        ('class 0', 'class 1')
        >>> values = objective(images[:2], index=torch.tensor([0, 1]))
        >>> torch.allclose(values, model(images[:2]).diagonal())
        True
    """

    def read(outputs: Tensor, index: Tensor) -> Tensor:
        _check_range("class", classes, outputs.shape[1])
        return _pick(outputs, classes, index)

    return Objective(model, read, _named("class", classes))


def channels(layer: Layer, chosen: Sequence[int]) -> Objective:
    """Return the objectives that maximise channels of a layer, averaged over all places.

    Args:
        layer: where the model is cut.
        chosen: numbers of the channels, one picture each.

    Raises:
        SparksError: when the layer has no such channel.

    Example:
        >>> objective = channels(layer, [0, 3])
        >>> values = objective(images[:2], index=torch.tensor([0, 1]))
        >>> torch.allclose(values, layer.pooled(images[:2])[[0, 1], [0, 3]])
        True
    """
    _check_range("channel", chosen, layer.channels)
    return Objective(
        layer.g,
        lambda a, index: _pick(layer.flat(a).mean(1), chosen, index),
        _named("channel", chosen),
    )


def neurons(layer: Layer, chosen: Sequence[int], place: int | None = None) -> Objective:
    """Return the objectives that maximise single units of a layer: channels at one place.

    Args:
        layer: where the model is cut.
        chosen: numbers of the channels, one picture each.
        place: index among the layer's places, row after row; the middle one if not given.

    Raises:
        SparksError: when the layer has no such channel.

    Example:
        >>> objective = neurons(layer, [2], place=5)
        >>> value = objective(images[:1], index=torch.tensor([0]))
        >>> torch.allclose(value, layer.activations(images[:1])[0, 5, 2])
        True
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
    """Return the objectives that maximise directions in a layer's activations, such as concepts.

    Of an activation a and a direction v it is ⟨a, v⟩ max(cos(a, v), 0.1)². The cosine keeps a
    picture to the one direction, where a plain product also grows with all other activations.

    Args:
        layer: where the model is cut.
        vectors: directions (n, p) for p channels, none of them zero, one picture each.
        pool: take the mean of a over places, as dictionaries are fitted; if False, every place is
            scored, and the scores are averaged.
        least: the least cosine, 0.1 by default; at 0 a picture could not leave a cosine of 0.

    Raises:
        SparksError: when vectors have another length than p, or one is zero or holds NaN.

    Example:
        The mean activation of an image, as a direction: its cosine with itself is 1.

        >>> vector = layer.pooled(images[:1])
        >>> value = directions(layer, vector)(images[:1], index=torch.tensor([0]))
        >>> torch.allclose(value, vector.square().sum())
        True
    """
    _check_vectors(vectors, layer.channels)

    def read(a: Tensor, index: Tensor) -> Tensor:
        flat = layer.flat(a)
        v = to_device(vectors, flat.device).to(flat)[index][:, None]
        return _along(flat.mean(1, keepdim=True) if pool else flat, v, least).mean(1)

    return Objective(layer.g, read, _named("direction", range(len(vectors))))


def inversion(layer: Layer, images: Tensor, least: float = LEAST_COSINE) -> Objective:
    """Return the objectives of pictures that have the activations of given images, at every place.

    As `directions`, of the activations at all places as one vector (feature inversion).

    Args:
        layer: where the model is cut.
        images: (N, C, H, W), one picture each.
        least: see `directions`.

    Raises:
        SparksError: when the activations of an image are all zero, or hold NaN.

    Example:
        An image has its own activations: the cosine is 1.

        >>> value = inversion(layer, images[:1])(images[:1], index=torch.tensor([0]))
        >>> torch.allclose(value, layer.activations(images[:1]).square().sum())
        True
    """
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
