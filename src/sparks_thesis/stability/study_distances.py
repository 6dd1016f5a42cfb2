"""Distances between maps when a spot moves, and under growing noise."""

from __future__ import annotations

from collections.abc import Sequence

from sparks.results import MetricRecorder
from sparks.stability.distance_sensitivity import noises, pixels, shifts
from sparks.stability.distances import Distances


def distances_under_change(
    distances: Distances, deviations: Sequence[float], seed: int
) -> MetricRecorder:
    """Measure every distance (`method` names it) under both changes.

    Args:
        distances: between maps.
        deviations: of the noise, in units of the spot's peak.
        seed: of the noise.
    """
    moved, noisy = shifts(distances), noises(distances, list(deviations), seed)
    recorder = MetricRecorder()
    for name, values in moved.items():
        of_shifts = {"amount": pixels(), "repeat": 0}
        recorder.add({"MapDistance": values}, method=name, change="shift", **of_shifts)
        for deviation, repeated in zip(deviations, noisy[name], strict=True):
            repeats = {"amount": deviation, "repeat": range(len(repeated))}
            recorder.add({"MapDistance": repeated}, method=name, change="noise", **repeats)
    return recorder
