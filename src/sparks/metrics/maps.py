"""Helpers for metrics of maps: checks, ranks with random ties, and a mark for missing scores."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from sparks.engine.inference import Model, check_inputs
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.protocols import Explanation


class UndefinedScoreWarning(UserWarning):
    """A score does not exist for some inputs, and is NaN."""


def check_scored(explanation: Explanation) -> None:
    """Refuse inputs that no method takes, and maps whose shape does not fit them."""
    check_inputs(explanation.model, explanation.x)
    check_maps(explanation.x, explanation.maps)


def asked_of(explanation: Explanation, name: str) -> tuple[Model, Tensor, Tensor | None, Tensor]:
    """Return model, inputs, classes and maps for a metric that asks the model.

    Args:
        explanation: what is scored.
        name: of the metric, for the error.

    Raises:
        SparksError: when there is no model, or as `check_scored`.
    """
    if explanation.model is None:
        raise SparksError(f"{name} asks the model that was explained: give it in the Explanation")
    check_scored(explanation)
    return explanation.model, explanation.x, explanation.target, explanation.maps


def check_maps(x: Tensor, maps: Tensor) -> None:
    """Refuse maps whose shape does not fit the inputs."""
    wanted = (len(x), *x.shape[2:]) if x.ndim == 4 else tuple(x.shape[:2])
    if tuple(maps.shape) != wanted:
        raise SparksError(f"maps of shape {tuple(maps.shape)} do not fit inputs: expected {wanted}")


def undefined_to_nan(values: Tensor, undefined: Tensor, name: str, why: str) -> Tensor:
    """Set `values` (N,) to NaN where `undefined` (N,), and say so, naming the inputs."""
    if undefined.any():
        which = undefined.nonzero()[:, 0].tolist()
        shown = ", ".join(map(str, which[:5])) + (", …" if len(which) > 5 else "")
        message = f"{name} does not exist for {len(which)} of {len(values)} inputs ({shown}): {why}"
        warnings.warn(message, UndefinedScoreWarning, stacklevel=3)
    return values.masked_fill(undefined, torch.nan)


def has_nan(maps: Tensor) -> Tensor:
    """Mark the maps that hold a value that is not finite, bool (N,)."""
    return ~maps.flatten(1).isfinite().all(1)


def descending_ranks(x: Tensor, maps: Tensor, seed: int) -> Tensor:
    """Rank of each value of each map, 0 for the largest; equal values in random order.

    Args:
        x: the inputs, whose content seeds the order of equal values.
        maps: (N, ...).
        seed: of that order.

    Returns:
        int32 (N, elements), on the CPU.
    """
    values = maps.detach().flatten(1).cpu()
    ranks = torch.empty(values.shape, dtype=torch.int32)
    for row, one, generator in zip(ranks, values, generators(x, seed), strict=True):
        shuffled = torch.randperm(len(one), generator=generator)
        order = shuffled[one[shuffled].argsort(descending=True, stable=True)]
        row[order] = torch.arange(len(one), dtype=torch.int32)
    return ranks
