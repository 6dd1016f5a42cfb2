"""Total Sobol indices of functions that have known ones, by every sequence and estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparks.checks import whole
from sparks.progress import progress
from sparks.results import MetricRecorder
from sparks.sensitivity.accuracy import FUNCTIONS, SAMPLERS, deviations, estimates, interactions

# A function with large interactions, and a sum over about as many inputs as maps have cells.
WITH_INTERACTIONS, WITHOUT = "Ishigami, d = 3", "additive, d = 64"


@dataclass(frozen=True, kw_only=True)
class FunctionsStudy:
    """Settings of the study.

    Attributes:
        points: N of the designs.
        repeats: seeds of each design.
        interaction_points: N of the designs that tell interactions from none.
        interaction_repeats: seeds of these.
        seed: the first of these.
    """

    points: Sequence[int]
    repeats: int
    interaction_points: int
    interaction_repeats: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "repeats", "interaction_repeats")
        whole(self, 2, "interaction_points")
        whole(self, 0, "seed")

    def run(self) -> MetricRecorder:
        """Return deviations from the true indices, and estimated interactions.

        `dataset` is the function, `method` the sequence.
        """
        recorder = MetricRecorder()
        for name in (WITH_INTERACTIONS, WITHOUT):
            points, times = self.interaction_points, self.interaction_repeats
            gap = interactions(FUNCTIONS[name], SAMPLERS[0], points, times, self.seed)
            known = {"dataset": name, "method": SAMPLERS[0].label, "estimator": "jansen"}
            repeat = range(len(gap))
            recorder.add({"TotalMinusFirst": gap}, points=points, repeat=repeat, **known)
        for name, function in progress(FUNCTIONS.items(), unit="function", total=len(FUNCTIONS)):
            _, true = function.indices()
            for sampler in SAMPLERS:
                for points in self.points:
                    found = estimates(function, sampler, points, self.repeats, self.seed)
                    for estimator, total in found.items():
                        names = {"dataset": name, "method": sampler.label, "estimator": estimator}
                        for metric, values in deviations(total, true.double()).items():
                            repeat = range(len(values))
                            recorder.add({metric: values}, points=points, repeat=repeat, **names)
        return recorder
