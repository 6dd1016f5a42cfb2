"""Steering: push activations along a direction, and see what becomes of logits and activations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from sparks.attribution.gradient import GradientInput
from sparks.concepts.bank import Concepts
from sparks.concepts.dictionary import Dictionary
from sparks.concepts.layer import Layer
from sparks.concepts.metrics import knn_distance
from sparks.errors import SparksError


def steer(
    layer: Layer,
    dictionary: Dictionary,
    activations: Tensor,
    direction: Tensor,
    steps: Sequence[float],
    target: int,
    reference: Tensor,
    concept: int | None = None,
) -> list[dict[str, Tensor]]:
    """Measure the effect of adding a direction to the activations, a + t v, for each t.

    Args:
        layer: of the activations.
        dictionary: of that layer, to watch the other concepts.
        activations: (N, L, p).
        direction: v (p,); taken to the mean length of an activation, so that t is relative to it.
        steps: t.
        target: class whose logit is watched.
        reference: mean activations (n, p) of real images.
        concept: whose direction it is; the other concepts are watched. None for a control.

    Returns:
        For each t, name → (N,): "Logit", the change of the target's logit; "OtherLogits", the mean
        absolute change of the others; "Nonlinearity", the distance of the change from t times the
        derivative at 0, over the larger of both; "OtherConcepts", the change of the other
        coefficients over their size (ℓ1). Of the mean activation over places: "Distance",
        Euclidean, to the 5th neighbour in `reference`, over the distance at t = 0; and its two
        parts, "Norm", over the mean norm in `reference`, and "Angle", the same distance between
        activations of length one.

    Raises:
        SparksError: when the class, the direction or the reference does not fit the layer.
    """
    layer.check_class(target)
    if direction.shape != (layer.channels,) or not len(reference):
        raise SparksError(
            f"a direction of shape {tuple(direction.shape)} and {len(reference)} real activations: "
            f"layer {layer.name!r} needs ({layer.channels},), and one or more"
        )
    device = layer.device
    a = activations.to(device)
    size = a.norm(dim=2).mean()
    v = functional.normalize(direction.to(device), dim=0) * size

    out, gradient = _gradient(layer, a, target)
    before, slope = out.cpu(), (gradient * v).sum((1, 2)).cpu()
    codes = dictionary.encode(a).mean(1).cpu()
    near = {unit: knn_distance(reference, a.mean(1).cpu(), unit=unit) for unit in (True, False)}
    usual = reference.norm(dim=1).mean().clamp(min=1e-12)
    others = [c for c in range(before.shape[1]) if c != target]
    watched = [c for c in range(dictionary.k) if c != concept]
    found = []
    for t in steps:
        moved = a + t * v
        with torch.no_grad():
            after = layer.h(layer.raw(moved)).cpu()
        change = (after - before)[:, target]
        linear = t * slope
        larger = torch.maximum(change.abs(), linear.abs()).clamp(min=1e-6)
        new = dictionary.encode(moved).mean(1).cpu()
        lost = (new - codes)[:, watched].abs().sum(1)
        pooled = moved.mean(1).cpu()
        far = {
            unit: (knn_distance(reference, pooled, unit=unit) / own.clamp(min=1e-12)).float()
            for unit, own in near.items()
        }
        values = {
            "Logit": change,
            "OtherLogits": (after - before)[:, others].abs().mean(1),
            "Nonlinearity": (change - linear).abs() / larger,
            "OtherConcepts": lost / codes[:, watched].abs().sum(1).clamp(min=1e-6),
            "Distance": far[False],
            "Norm": pooled.norm(dim=1) / usual,
            "Angle": far[True],
        }
        found.append(values)
    return found


def _gradient(layer: Layer, a: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Return logits (N, classes) and the gradient (N, L, p) of one of them by activations."""
    with torch.enable_grad():
        leaf = a.detach().clone().requires_grad_()
        out = layer.h(layer.raw(leaf))
        (gradient,) = torch.autograd.grad(out[:, target].sum(), leaf)
    return out.detach(), gradient


def steepest(layer: Layer, activations: Tensor, target: int) -> Tensor:
    """Return the direction (p,) along which a logit rises fastest at first, the same everywhere.

    Args:
        layer: of the activations.
        activations: (N, L, p).
        target: class whose logit is meant.
    """
    _, gradient = _gradient(layer, activations.to(layer.device), target)
    return gradient.sum(1).mean(0).cpu()


def shuffled(atom: Tensor, seed: int) -> Tensor:
    """Permute the values of an atom (p,): a control with its norm, sparsity and signs."""
    generator = torch.Generator().manual_seed(seed)
    return atom[torch.randperm(len(atom), generator=generator).to(atom.device)]


def most_important(concepts: Concepts, x: Tensor, target: int) -> int:
    """Return the concept with the largest mean contribution to a class over images (N, C, H, W)."""
    classes = torch.full((len(x),), target, dtype=torch.int64)
    gave = GradientInput()(concepts.head, concepts.coefficients(x), classes)
    return int(gave.mean(0).argmax())
