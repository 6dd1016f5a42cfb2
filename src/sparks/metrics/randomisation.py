"""Sanity checks: does a map change when the model is made to know nothing?"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparks.checks import whole
from sparks.errors import SparksError
from sparks.metrics.maps import asked_of, undefined_to_nan
from sparks.metrics.stability import method_of
from sparks.models.device import to_device
from sparks.models.weights import seeded
from sparks.protocols import Explanation
from sparks.stats import spearman

# Added to seeds: the weights that a network began its training with are no random ones to it.
SALT = 1_000_003


@dataclass(frozen=True, kw_only=True)
class ModelRandomisation:
    """Rank correlation of a map with that of the model with new random weights: near 0 is better.

    The parameter test of Adebayo et al. 2018, of the sizes of values: a method whose maps stay
    alike explains the image, not the model. "ModelRandomisationHead" draws the last layer's weights
    anew, "ModelRandomisation" those of all layers.

    Attributes:
        seed: of the weights.

    Example:
        >>> values = ModelRandomisation()(explanation)
        >>> list(values)
        ['ModelRandomisationHead', 'ModelRandomisation']
    """

    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 0, "seed")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return both correlations per input, in [-1, 1]; NaN where a map is constant."""
        model = asked_of(explanation, "ModelRandomisation")[0]
        if not isinstance(model, nn.Module):
            raise SparksError("ModelRandomisation draws the weights of a module: give one")
        found = {}
        for name, all_of_it in (("Head", False), ("", True)):
            other = randomised(model, self.seed, all_of_it)
            key = f"ModelRandomisation{name}"
            found[key] = _likeness(explanation, other, key)
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class DataRandomisation:
    """Rank correlation of a map with that of a model which learned random labels: near 0 is better.

    The data test of Adebayo et al. 2018, of the sizes of values.

    Attributes:
        other: a network of the same inputs and classes, trained on permuted labels.

    Example:
        >>> import torch
        >>> other = torch.nn.Linear(3, 2)
        >>> list(DataRandomisation(other=other)(explanation))
        ['DataRandomisation']
    """

    other: nn.Module

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the correlation per input, in [-1, 1]; NaN where a map is constant."""
        asked_of(explanation, "DataRandomisation")
        return {"DataRandomisation": _likeness(explanation, self.other, "DataRandomisation")}


def randomised(model: nn.Module, seed: int, all_of_it: bool = True) -> nn.Module:
    """Copy a model, with weights drawn anew as its layers draw them when they are built.

    `sparks.concepts.sanity.cascade` yields the copies between these two ends.

    Args:
        model: which stays as it is.
        seed: of the weights.
        all_of_it: of all layers; else of the last one alone, in the order of their definition.

    Raises:
        SparksError: when a parameter belongs to no layer that can draw it.
    """
    copy = deepcopy(model)
    layers = [m for m in copy.modules() if next(m.parameters(recurse=False), None) is not None]
    drawn = [m for m in layers if callable(getattr(m, "reset_parameters", None))]
    if not drawn or (all_of_it and (left := [m for m in layers if m not in drawn])):
        names = ", ".join(sorted({type(m).__name__ for m in left})) if drawn else "no layer"
        raise SparksError(
            f"the weights cannot be drawn anew: {names} has no method `reset_parameters`"
        )
    with seeded(SALT + seed):
        for layer in drawn if all_of_it else drawn[-1:]:
            layer.reset_parameters()  # type: ignore[operator]
    return copy


def _likeness(explanation: Explanation, other: nn.Module, name: str) -> Tensor:
    """Return Spearman's correlation (N,) of |maps| with those of another model."""
    method = method_of(explanation, name)
    if explanation.target is None:
        raise SparksError(f"{name} needs the class of each input")
    maps = explanation.maps.detach().flatten(1).cpu().abs().double()
    found = to_device(method(other, explanation.x, explanation.target), torch.device("cpu"))
    value = spearman(maps, found.flatten(1).abs().double()).float()
    return undefined_to_nan(value, ~value.isfinite(), name, "a map holds NaN or is constant")
