"""Stability as the 1-Lipschitz paper has it: how far maps of noisy neighbours are, in rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.data.human import rank_correlation
from sparks.engine.running import Model
from sparks.engine.seeds import generators
from sparks.metrics.maps import check_maps, has_nan, undefined_to_nan


@dataclass(frozen=True, kw_only=True)
class Stability:
    """Mean distance of a map to those of noisy copies of its input: lower is more stable.

    "Stability" is 1 - Spearman's rank correlation over pixels, which no scale of the maps changes;
    "StabilityL2" the Euclidean distance of the raw maps. Every copy counts, whatever its class;
    noise is uniform in [0, noise] (as in Xplique; `AverageStability` is the other definition).

    Attributes:
        neighbours: noisy copies of each input.
        noise: largest value added to a pixel.
        seed: of the noise, which is each input's own.
    """

    neighbours: int = 20
    noise: float = 0.1
    seed: int = 0

    def __call__(
        self,
        model: Model,
        x: Tensor,
        target: Tensor,
        maps: Tensor,
        truth: Tensor | None = None,
        *,
        method: Callable[[Model, Tensor, Tensor], Tensor],
    ) -> dict[str, Tensor]:
        """Values per input; NaN where a map is constant or not finite."""
        check_maps(x, maps)
        own = maps.detach().flatten(1).double().cpu()
        broken = has_nan(own) | (own.amax(1) == own.amin(1))
        own = own.masked_fill(broken[:, None], 0)
        draws = generators(x, self.seed)
        rank, l2 = torch.zeros(2, len(x), dtype=torch.float64)
        for _ in range(self.neighbours):
            noise = torch.stack([torch.rand(x.shape[1:], generator=g) for g in draws]).to(x)
            near = method(model, x + self.noise * noise, target).flatten(1).double().cpu()
            rank += 1 - rank_correlation(own, near)
            l2 += (near - own).norm(dim=1)
        named = {"Stability": rank, "StabilityL2": l2}
        why = "their maps are constant or hold NaN"
        return {
            name: undefined_to_nan((total / self.neighbours).float(), broken, name, why)
            for name, total in named.items()
        }
