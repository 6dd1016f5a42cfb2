"""EVA beside other methods on one network, what its bounds prove, and what it all costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from sparks.attribution.eva import EVA
from sparks.checks import between, whole
from sparks.metrics.robustness import RobustnessSr
from sparks.progress import progress
from sparks.protocols import AttributionMethod, Explanation, Metric, Perturbation
from sparks.results import MetricRecorder
from sparks.verification.attack import Attack
from sparks_thesis.eva import measure
from sparks_thesis.eva.benchmark import ablations, by_bound, removed_by, scored

# Pixels a side up to which images are small.
SMALL = 32


@dataclass(frozen=True, kw_only=True)
class Stronger:
    """Robustness-Sr again by an attack of more `steps`, on the first `images`."""

    steps: int
    images: int

    def __post_init__(self) -> None:
        whole(self, 1, "steps", "images")


@dataclass(frozen=True, kw_only=True)
class Verified:
    """Questions to networks that are verified from their input.

    Attributes:
        radii: of the balls whose overlaps are certified.
        attack: that searches these balls.
        samples: inputs drawn of each ball.
    """

    radii: Sequence[float]
    attack: Attack
    samples: int

    def __post_init__(self) -> None:
        whole(self, 1, "samples")


@dataclass(frozen=True, kw_only=True)
class Detailed:
    """Questions to some networks alone: EVA by every bound, targeted maps, a slice of a ball.

    Attributes:
        models: names of these networks.
        explored: radius of the ball that is explored.
        toward: radius of targeted maps.
    """

    models: Sequence[str]
    explored: float
    toward: float

    def __post_init__(self) -> None:
        between(self, 0, float("inf"), "explored", "toward")


class Measured(NamedTuple):
    """Results: scores and times as numbers, and tensors for the figures."""

    scores: MetricRecorder
    costs: MetricRecorder
    kept: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class EvaStudy:
    """Settings of the study.

    Attributes:
        eva: EVA for the network.
        methods: label → what it is compared with, besides its ablations.
        metrics: name → metric of maps, with a field `perturbation`.
        removals: name → another meaning of removing a pixel.
        robustness: Robustness-Sr.
        stronger: the same with more steps.
        verified: asked where EVA verifies the network from its input.
        detailed: asked of some networks.
        images: explained where they are small.
        large_images: explained where they are not.
        seed: of the random pixels that targeted maps are compared with.
    """

    eva: EVA
    methods: Mapping[str, AttributionMethod]
    metrics: Mapping[str, Metric]
    removals: Mapping[str, Perturbation]
    robustness: RobustnessSr
    stronger: Stronger
    verified: Verified
    detailed: Detailed
    images: int
    large_images: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "images", "large_images")
        whole(self, 0, "seed")

    def run(self, name: str, model: nn.Module, x: Tensor, target: Tensor) -> Measured:
        """Explain the first images by every method, and measure.

        Args:
            name: of the network.
            model: in evaluation mode.
            x: images (N, C, H, W).
            target: class explained of each, int64 (N,).

        Returns:
            The numbers; and "images", "target", "maps/LABEL" (n, H, W), and of detailed networks
            "toward" (n,), "targeted/add" and "targeted/remove" (n, H, W) and "explored/…", see
            `sparks_thesis.eva.measure.exploration`.
        """
        n = self.images if x.shape[-1] <= SMALL else self.large_images
        x, target = x[:n], target[:n]
        found = Measured(MetricRecorder(), MetricRecorder(), {"target": target})
        methods = {**self.methods, "EVA": self.eva, **ablations(self.eva)}
        for label, method in progress(list(methods.items()), unit="method", description="explain"):
            self._compare(label, method, model, x, target, found)
        if self.eva.layer is None:
            self._verify(model, x, target, found.scores)
        if name in self.detailed.models:
            self._by_bound(model, x, target, found.scores)
            self._target(model, x, target, found)
            self._explore(model, x[:1], target[:1], found.kept)
        found.kept["images"] = x
        return found

    def _compare(
        self, label: str, method: AttributionMethod, model: nn.Module, x: Tensor, target: Tensor,
        found: Measured,
    ) -> None:  # fmt: skip
        """Score a method: by all metrics, where pixels are removed otherwise, by more steps."""
        made = scored(method, model, x, target, [*self.metrics.values(), self.robustness])
        found.scores.add_images(made.scores, method=label)
        found.scores.add({"Flops": [made.flops]}, method=label)
        found.costs.add({"Seconds": [made.seconds]}, method=label)
        found.kept[f"maps/{label}"] = made.maps
        metrics = list(self.metrics.values())
        for removal, other in self.removals.items():
            values = removed_by(other, method, made.maps, metrics, model, x, target)
            found.scores.add_images(values, method=label, baseline=removal)
        few, steps = self.stronger.images, self.stronger.steps
        again = measure.with_steps(self.robustness, steps)
        values = again(Explanation(model, x[:few], target[:few], made.maps[:few]))
        found.scores.add_images(values, method=label, attack_steps=steps)

    def _verify(self, model: nn.Module, x: Tensor, target: Tensor, scores: MetricRecorder) -> None:
        asked = self.verified
        scores.add_images(measure.smallest(self.eva, model, x, target), method="EVA")
        for radius in asked.radii:
            ball = measure.with_radius(self.eva, radius)
            values = measure.overlaps(ball, model, x, target, asked.attack, asked.samples)
            scores.add_images(values, method="EVA", epsilon=radius)

    def _by_bound(
        self, model: nn.Module, x: Tensor, target: Tensor, scores: MetricRecorder
    ) -> None:
        for bound, method in by_bound(self.eva):
            metrics = [*self.metrics.values(), self.robustness]
            values = scored(method, model, x, target, metrics).scores
            values |= measure.tightness(method, model, x, target)
            scores.add_images(values, method="EVA", bound=bound)

    def _target(self, model: nn.Module, x: Tensor, target: Tensor, found: Measured) -> None:
        radius = self.detailed.toward
        toward = measure.runner_up(model, x, target)
        ball = measure.with_radius(self.eva, radius)
        maps = measure.targeted(ball, model, x, target, toward)
        gains = measure.gains(maps, radius, model, x, target, toward, seed=self.seed)
        found.scores.add_images(gains, method="EVA")
        found.kept["toward"] = toward
        found.kept.update({f"targeted/{side}": made for side, made in maps.items()})

    def _explore(
        self, model: nn.Module, x: Tensor, target: Tensor, kept: dict[str, Tensor]
    ) -> None:
        ball = measure.with_radius(self.eva, self.detailed.explored)
        asked = self.verified
        seen = measure.exploration(ball, model, x, target, asked.radii, asked.attack)
        kept.update({f"explored/{part}": values for part, values in seen.items()})
