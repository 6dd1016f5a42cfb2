"""Stability of maps: does one change when the input hardly does?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sparks.checks import between, whole
from sparks.engine.core import Engine
from sparks.engine.inference import Model, device_of, dtype_of, evaluating, moved_inputs
from sparks.engine.outputs import class_logits
from sparks.engine.seeds import generators
from sparks.errors import SparksError
from sparks.metrics.maps import asked_of, undefined_to_nan
from sparks.models.device import to_device
from sparks.protocols import AttributionMethod, Explanation
from sparks.stats import spearman


@dataclass(frozen=True, kw_only=True)
class _OfNeighbours:
    """Settings of metrics that explain noisy copies of the inputs.

    Attributes:
        neighbours: noisy copies of each input.
        radius: of the noise, in units of x.
        seed: of the noise, which is each input's own.
    """

    neighbours: int = 20
    radius: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "neighbours")
        whole(self, 0, "seed")
        between(self, 0, math.inf, "radius")


@dataclass(frozen=True, kw_only=True)
class AverageStability(_OfNeighbours):
    """Mean distance of a map to those of noisy copies of its input: lower is more stable.

    Bhatt et al. 2020. Noise is uniform in [-radius, radius], so that brightness stays; copies
    that the model classifies otherwise do not count. "AverageStability" is the Euclidean
    distance of the maps over the norm of the input's map (else methods with small values would
    look stable), "AverageStabilityL2" the bare distance, "AverageStabilityRank" 1 - Spearman's rank
    correlation over pixels (Serrurier et al. 2023), "StabilityKept" the share of copies that count.

    Attributes:
        engine: its batch size bounds the inputs classified at once.

    Example:
        The gradient of a linear model never changes.

        >>> AverageStability(neighbours=3)(explanation)["AverageStability"]
        tensor([0.])
    """

    engine: Engine = field(default_factory=Engine)

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return values per input; NaN where no copy counts, or maps are zero (rank: constant)."""
        model, x, target, maps = asked_of(explanation, "AverageStability")
        method = method_of(explanation, "AverageStability")
        original = maps.detach().flatten(1).double().cpu()
        predicted = self._classes(model, x)
        if target is None:
            raise SparksError("AverageStability needs the class of each input")
        draws = generators(x, self.seed)
        total, rank = torch.zeros(2, len(x), dtype=torch.float64)
        kept = torch.zeros(len(x))
        for _ in range(self.neighbours):
            near = _moved(x, draws, self.radius)
            same = self._classes(model, near) == predicted
            with moved_inputs():
                found = method(model, near, target).flatten(1).double().cpu()
            total += torch.where(same, (found - original).norm(dim=1), 0)
            rank += torch.where(same, 1 - spearman(original, found), 0)
            kept += same
        l2 = total / kept
        relative = l2 / original.norm(dim=1)
        rank = (rank / kept).masked_fill(~l2.isfinite(), torch.nan)
        why = "no noisy copy keeps their class, or maps hold NaN or are constant"
        named = {"AverageStability": relative, "AverageStabilityL2": l2}
        named["AverageStabilityRank"] = rank
        values = {k: undefined_to_nan(v.float(), ~v.isfinite(), k, why) for k, v in named.items()}
        return {**values, "StabilityKept": kept / self.neighbours}

    def _classes(self, model: Model, x: Tensor) -> Tensor:
        size = self.engine.batch_size if isinstance(self.engine.batch_size, int) else 64
        device = device_of(model, x)
        with torch.inference_mode(), evaluating(model):
            parts = [
                class_logits(model(to_device(part, device))).argmax(1).cpu()
                for part in torch.split(x.to(dtype_of(model) or x.dtype), size)
            ]
        return torch.cat(parts)


@dataclass(frozen=True, kw_only=True)
class MaxSensitivity(_OfNeighbours):
    """Largest relative change of a map among noisy copies of its input: lower is more stable.

    Yeh et al. 2019: max over copies of |map(x') - map(x)| / |map(x)|, Euclidean norms, noise
    uniform in [-radius, radius]. Copies that the model classifies otherwise count as well: the
    explained class stays.

    Example:
        The gradient of a linear model never changes.

        >>> MaxSensitivity(neighbours=3)(explanation)
        {'MaxSensitivity': tensor([0.])}
    """

    neighbours: int = 10
    radius: float = 0.02

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return the largest change per input; NaN where the map is zero."""
        model, x, target, maps = asked_of(explanation, "MaxSensitivity")
        method = method_of(explanation, "MaxSensitivity")
        if target is None:
            raise SparksError("MaxSensitivity needs the class of each input")
        original = maps.detach().flatten(1).double().cpu()
        draws = generators(x, self.seed)
        largest = torch.zeros(len(x), dtype=torch.float64)
        for _ in range(self.neighbours):
            with moved_inputs():
                found = method(model, _moved(x, draws, self.radius), target)
            change = (found.flatten(1).double().cpu() - original).norm(dim=1)
            largest = torch.maximum(largest, change)
        value = (largest / original.norm(dim=1)).float()
        return {
            "MaxSensitivity": undefined_to_nan(
                value, ~value.isfinite(), "MaxSensitivity", "their maps hold NaN or are zero"
            )
        }


def method_of(explanation: Explanation, name: str) -> AttributionMethod:
    """Return the method of an explanation, for a metric that explains again.

    Raises:
        SparksError: when it is not given.
    """
    if explanation.method is None:
        raise SparksError(
            f"{name} explains again: give the method that made the maps in the Explanation"
        )
    return explanation.method


def _moved(x: Tensor, draws: Sequence[torch.Generator], radius: float) -> Tensor:
    """Add uniform noise in [-radius, radius] to inputs, from a generator for each."""
    noise = torch.stack([torch.rand(x.shape[1:], generator=g) for g in draws])
    return x + (2 * noise - 1).to(x) * radius
