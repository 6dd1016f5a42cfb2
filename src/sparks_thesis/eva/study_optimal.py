"""EVA's order of the inputs of tiny networks against the best subset of each size."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sparks.checks import between, whole
from sparks.results import MetricRecorder
from sparks.verification.exact import optimal_subsets, toy


@dataclass(frozen=True, kw_only=True)
class OptimalStudy:
    """Settings of the study.

    Attributes:
        networks: of each architecture.
        inputs: of each network.
        hidden: units of those that are not linear.
        epsilon: radius of the ball of inputs.
        cuts: of each input, for overlaps as good as exact.
        seed: of the first network.
    """

    networks: int
    inputs: int
    hidden: int
    epsilon: float
    cuts: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "networks", "inputs", "hidden", "cuts")
        whole(self, 0, "seed")
        between(self, 0, float("inf"), "epsilon")

    def run(self) -> MetricRecorder:
        """Return the overlap through EVA's subset, the best and an arbitrary one, of each network.

        A repeat is a network.
        """
        names = ("SubsetOverlap", "BestOverlap", "ArbitraryOverlap")
        recorder = MetricRecorder()
        for kind, hidden in (("linear", 0), ("one hidden layer", self.hidden)):
            found = [
                self._overlaps(self.seed + network, hidden) for network in range(self.networks)
            ]
            for k in range(1, self.inputs):
                values = {
                    name: [float(pair[which][k - 1]) for pair in found]
                    for which, name in enumerate(names)
                }
                recorder.add(values, architecture=kind, subset=k, repeat=range(len(found)))
        return recorder

    def _overlaps(self, seed: int, hidden: int) -> tuple[list[float], list[float], list[float]]:
        generator = torch.Generator().manual_seed(seed)
        x = torch.rand(self.inputs, generator=generator, dtype=torch.float64)
        return optimal_subsets(toy(seed, self.inputs, hidden), x, self.epsilon, self.cuts)
