"""Total Sobol indices of functions that have known ones, by every sequence and estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparks.checks import whole
from sparks.progress import progress
from sparks.results import MetricRecorder
from sparks.sensitivity.accuracy import FUNCTIONS, SAMPLERS, deviations, estimates


@dataclass(frozen=True, kw_only=True)
class FunctionsStudy:
    """Settings of the study.

    Attributes:
        points: N of the designs.
        repeats: seeds of each design.
        seed: the first of these.
    """

    points: Sequence[int]
    repeats: int
    seed: int

    def __post_init__(self) -> None:
        whole(self, 1, "repeats")
        whole(self, 0, "seed")

    def run(self) -> MetricRecorder:
        """Return deviations from the true indices.

        `dataset` is the function, `method` the sequence.
        """
        recorder = MetricRecorder()
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
