"""AverageStability: does a map change when the input hardly does?"""

from __future__ import annotations

import math
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
from sparks.protocols import Explanation
from sparks.stats import spearman


@dataclass(frozen=True, kw_only=True)
class AverageStability:
    """Mean distance of a map to those of noisy copies of its input: lower is more stable.

    Bhatt et al. 2020. Noise is uniform in [-radius, radius], so that brightness stays; copies
    that the model classifies otherwise do not count. "AverageStability" is the Euclidean
    distance of the maps over the norm of the input's map (else methods with small values would
    look stable), "AverageStabilityL2" the bare distance, "AverageStabilityRank" 1 - Spearman's rank
    correlation over pixels (Serrurier et al. 2023), "StabilityKept" the share of copies that count.

    Attributes:
        neighbours: noisy copies of each input.
        radius: of the noise, in units of x.
        engine: its batch size bounds the inputs classified at once.
        seed: of the noise, which is each input's own.

    Example:
        The gradient of a linear model never changes.

        >>> AverageStability(neighbours=3)(explanation)["AverageStability"]
        tensor([0.])
    """

    neighbours: int = 20
    radius: float = 0.1
    engine: Engine = field(default_factory=Engine)
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "neighbours")
        whole(self, 0, "seed")
        between(self, 0, math.inf, "radius")

    def __call__(self, explanation: Explanation, /) -> dict[str, Tensor]:
        """Return values per input; NaN where no copy counts, or maps are zero (rank: constant)."""
        model, x, target, maps = asked_of(explanation, "AverageStability")
        method = explanation.method
        if method is None:
            raise SparksError(
                "AverageStability explains noisy copies of its inputs: give the method that made "
                "the maps in the Explanation"
            )
        original = maps.detach().flatten(1).double().cpu()
        predicted = self._classes(model, x)
        if target is None:
            raise SparksError("AverageStability needs the class of each input")
        draws = generators(x, self.seed)
        total, rank = torch.zeros(2, len(x), dtype=torch.float64)
        kept = torch.zeros(len(x))
        for _ in range(self.neighbours):
            noise = torch.stack([torch.rand(x.shape[1:], generator=g) for g in draws])
            near = x + (2 * noise - 1).to(x) * self.radius
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
