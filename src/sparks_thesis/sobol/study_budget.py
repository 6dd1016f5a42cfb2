"""Black-box methods at several budgets of forward passes: faithfulness, and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from torch import Tensor, nn

from sparks.checks import whole
from sparks.models.counting import Counting
from sparks.progress import progress
from sparks.protocols import AttributionMethod, Explanation, Metric
from sparks.results import MetricRecorder
from sparks_thesis.sobol.budgets import keeps_grid, within


@dataclass(frozen=True, kw_only=True)
class BudgetStudy:
    """Settings of the study.

    Attributes:
        methods: label → black-box method.
        metrics: name → score of its maps.
        forwards: budgets, in forward passes an image.
        images: the first of those that are explained.
    """

    methods: Mapping[str, AttributionMethod]
    metrics: Mapping[str, Metric]
    forwards: Sequence[int]
    images: int

    def __post_init__(self) -> None:
        whole(self, 1, "images")

    def run(
        self, model: nn.Module, x: Tensor, target: Tensor
    ) -> tuple[MetricRecorder, MetricRecorder]:
        """Explain images by every method at every budget.

        Args:
            model: in evaluation mode.
            x: images (N, C, H, W) in [0, 1].
            target: class explained of each, int64 (N,).

        Returns:
            The scores of every image, and the seconds that an explanation took; `forwards` is the
            number of forward passes that it took.
        """
        scores, costs = MetricRecorder(), MetricRecorder()
        for label, method in progress(self.planned(min(x.shape[2:])), unit="budget",
                                      description="explain"):  # fmt: skip
            # Imports and the search of the batch size happen on the first call: no cost of the
            # method.
            method(model, x[:1], target[:1])
            start = perf_counter()
            with Counting(model) as counting:
                maps = method(model, x, target)
            seconds = (perf_counter() - start) / len(x)
            values: dict[str, Tensor] = {}
            for metric in self.metrics.values():
                values |= metric(Explanation(model, x, target, maps))
            forwards = counting.forwards // len(x)
            scores.add_images(values, method=label, forwards=forwards)
            costs.add({"Seconds": [seconds]}, method=label, forwards=forwards)
        return scores, costs

    def planned(self, side: int) -> list[tuple[str, AttributionMethod]]:
        """List what explains images of `side` pixels: label, and method with a budget's settings.

        A budget that a method cannot use up, on small images, gives the settings of the one before,
        and one that would change a method's grid is left out.
        """
        found: dict[tuple[str, AttributionMethod], None] = {}
        for label, method in self.methods.items():
            for forwards in self.forwards:
                fitted = within(method, forwards, side)
                if keeps_grid(method, fitted, side):
                    found[label, fitted] = None
        return list(found)
