"""Two Koch snowflakes separated by a 1-Lipschitz network, and by its unconstrained baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparks.checks import whole
from sparks.lipschitz.koch_snowflake import OneLogit, Points, snowflakes, steps_and_levels
from sparks.models import seeded
from sparks.models.lipschitz import LipschitzMLP
from sparks.results import MetricRecorder
from sparks.training import Loss, Settings, fit

# Name of each network, and whether it is constrained.
NETWORKS = {"hkr_dense": True, "hkr_dense_unconstrained": False}


@dataclass(frozen=True, kw_only=True)
class SnowflakesStudy:
    """Settings of the study.

    Attributes:
        points: on each curve.
        inner: radius of the inner snowflake.
        outer: radius of the outer one.
        order: of both.
        hidden: units of the hidden layers.
        loss: of the 1-Lipschitz network; that of the other is cross-entropy.
        training: of both.
        grid: points a side at which level sets are drawn.
        seed: of points, weights and training.
    """

    points: int
    inner: float
    outer: float
    order: int
    hidden: Sequence[int]
    loss: Loss
    training: Settings
    grid: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "points", "grid")
        whole(self, 0, "order", "seed")

    def run(self) -> tuple[MetricRecorder, dict[str, Tensor]]:
        """Train both networks, and measure one step to the boundary from every point.

        Returns:
            The values of every point; and "points" (N, 2), "labels" (N,), and of each network
            "NAME.levels", "NAME.axis" and "NAME.ends", see `steps_and_levels`.
        """
        radii = (self.inner, self.outer, self.order)
        data = snowflakes(self.points, *radii, seed=self.seed)
        recorder, kept = MetricRecorder(), {"points": data.points, "labels": data.labels}
        for name, constrained in NETWORKS.items():
            function = self._trained(data, constrained)
            values, drawn = steps_and_levels(function, data, self.grid)
            recorder.add_images(values, model=name)
            kept |= {f"{name}.{key}": torch.as_tensor(value) for key, value in drawn.items()}
        return recorder, kept

    def _trained(self, data: Points, constrained: bool) -> nn.Module:
        with seeded(self.seed):
            net = LipschitzMLP(2, 1 if constrained else 2, self.hidden, constrained)
        loss = self.loss if constrained else None
        fit(net, data, None, self.training, self.seed, "cpu", loss=loss)
        return net.eval() if constrained else OneLogit(net.eval())
