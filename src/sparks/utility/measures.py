"""Utility-K and Utility, from accuracies of sessions.

The paper's Table 1 follows from its own accuracies only if Utility-K divides by the baseline's mean
over *all* sessions, and Utility is the plain mean of Utility-K: mean(accuracy) / mean(baseline).
This is `reference="mean"`, the default. The definition of Utility-K in section 3 divides by the
baseline of the same session, which is `reference="session"`. `trapezoid` integrates Utility-K by
the trapezoid rule; it fits Table 1 worse (claim utility-is-mean-ratio).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sparks.errors import SparksError
from sparks.stats import Bootstrap, Interval, interval_of
from sparks.utility.answers import BASELINE

Floats = NDArray[np.float64]
Reference = Literal["mean", "session"]
ALL = 0  # in the column `session` of a summary: all sessions together


def utility_k(accuracy: ArrayLike, baseline: ArrayLike, reference: Reference = "mean") -> Floats:
    """Return Utility-K: the accuracy of every session, divided by the baseline's.

    Args:
        accuracy: with explanations, (..., sessions), in [0, 1] or percent.
        baseline: accuracy without explanations, of the same shape and unit.
        reference: "mean" divides by the baseline's mean over all sessions, as the paper's Table 1
            does; "session" by the baseline of the same session, as its section 3 defines it.

    Returns:
        (..., sessions); NaN where the baseline was never right.

    Raises:
        SparksError: when the two do not have the same sessions.

    Example:
        >>> utility_k([0.5, 0.75, 1.0], baseline=[0.25, 0.5, 0.75]).tolist()
        [1.0, 1.5, 2.0]
        >>> utility_k([0.5, 0.75], baseline=[0.25, 0.5], reference="session").tolist()
        [2.0, 1.5]
    """
    ours, theirs = np.asarray(accuracy, dtype=float), np.asarray(baseline, dtype=float)
    if ours.shape != theirs.shape or ours.ndim == 0:
        raise SparksError(
            f"Utility-K: accuracies have shape {ours.shape}, those of the baseline {theirs.shape}: "
            "both need the same sessions"
        )
    if reference == "mean":
        theirs = theirs.mean(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = np.where(theirs > 0, ours / theirs, np.nan)
    return ratio


def utility(accuracy: ArrayLike, baseline: ArrayLike, reference: Reference = "mean") -> Floats:
    """Return Utility, the mean of Utility-K over the sessions.

    This is the area under Utility-K where every session is equally wide.

    Args:
        accuracy: with explanations, (..., sessions), in [0, 1] or percent.
        baseline: accuracy without explanations, of the same shape and unit.
        reference: as for `utility_k`.

    Returns:
        (...); 1 where explanations change nothing, more where they help. NaN where the baseline was
        never right.

    Raises:
        SparksError: when the two do not have the same sessions.

    Example:
        With explanations participants are right 1.5 times as often.

        >>> float(utility([0.5, 0.75, 1.0], baseline=[0.25, 0.5, 0.75]))
        1.5
    """
    mean: Floats = utility_k(accuracy, baseline, reference).mean(axis=-1)
    return mean


def trapezoid(accuracy: ArrayLike, baseline: ArrayLike, reference: Reference = "session") -> Floats:
    """Return the area under Utility-K by the trapezoid rule, divided by the range of K.

    Sessions are equally far apart in K, so that the first and the last count half.

    Args:
        accuracy: with explanations, (..., sessions), in [0, 1] or percent.
        baseline: accuracy without explanations, of the same shape and unit.
        reference: as for `utility_k`.

    Returns:
        (...), on the scale of `utility`.

    Raises:
        SparksError: when the two do not have the same sessions, or there is one session only.

    Example:
        Utility-K is 1, 1 and 2, and the trapezoids between have the areas 1 and 1.5.

        >>> float(trapezoid([0.5, 0.5, 1.0], baseline=[0.5, 0.5, 0.5]))
        1.25
    """
    heights = utility_k(accuracy, baseline, reference)
    if heights.shape[-1] < 2:
        raise SparksError("the trapezoid rule needs two sessions at least")
    area: Floats = np.trapezoid(heights, axis=-1) / (heights.shape[-1] - 1)
    return area


def summary(
    sessions: pd.DataFrame,
    baseline: str = BASELINE,
    bootstrap: Bootstrap | None = None,
    reference: Reference = "mean",
) -> pd.DataFrame:
    """Measure every condition of every scenario.

    Intervals are percentile bootstrap intervals over participants, drawn anew within the condition
    and, independently, within the baseline: the design is between subjects.

    Args:
        sessions: one row a participant and session, as `session_accuracies` returns. Participants
            who did not take every session are left out.
        baseline: the condition without explanations.
        bootstrap: number of resamples, level and seed of the intervals; the defaults if not given.
        reference: as for `utility_k`.

    Returns:
        Columns scenario, condition, metric, session, mean, low, high, n (participants). Metrics are
        "MetaPredictorAccuracy" and "UtilityK" of every session; session 0 is all of them, where
        the metrics are "MetaPredictorAccuracy" and "Utility". The baseline has accuracies only.

    Raises:
        SparksError: when a scenario has no baseline.

    Example:
        The mean accuracies are 7/8 with saliency and 1/2 without: Utility is 7/4.

        >>> table = summary(sessions)
        >>> row = table[table["metric"] == "Utility"].iloc[0]
        >>> row["condition"], float(row["mean"]), int(row["n"])
        ('Saliency', 1.75, 2)
    """
    draw = bootstrap or Bootstrap()
    rows = []
    for scenario, table in sessions.groupby("scenario", sort=False):
        grids = _grids(table)
        if baseline not in grids:
            raise SparksError(
                f"{scenario} has no participant in the condition {baseline!r}: Utility compares "
                "with it"
            )
        numbers = sorted(table["session"].unique())
        base = Resampled.of(grids[baseline], draw)
        for condition, grid in grids.items():
            names = {"scenario": scenario, "condition": condition}
            # The next seed: people of one condition are not drawn with those of another.
            own = base if condition == baseline else Resampled.of(grid, draw, shift=1)
            for metric, session, interval in _measured(own, base, numbers, reference):
                rows.append({**names, "metric": metric, "session": session, **vars(interval)})
    return pd.DataFrame(rows)


def _grids(table: pd.DataFrame) -> dict[str, Floats]:
    """Return condition → accuracies (participants, sessions) of those who took every session."""
    return {
        str(condition): rows.pivot(index="participant", columns="session", values="accuracy")
        .reindex(columns=sorted(table["session"].unique()))
        .dropna()
        .to_numpy(dtype=float)
        for condition, rows in table.groupby("condition", sort=False)
    }


@dataclass(frozen=True)
class Resampled:
    """Mean accuracies of the sessions in one condition, and in resamples of its participants.

    Attributes:
        mean: (sessions,); NaN where nobody took every session.
        means: (resamples, sessions); one participant cannot be resampled: NaN.
        n: participants.
        level: of intervals.
    """

    mean: Floats
    means: Floats
    n: int
    level: float

    @classmethod
    def of(cls, grid: Floats, draw: Bootstrap, shift: int = 0) -> Resampled:
        """Resample accuracies (participants, sessions); `shift` is added to the seed."""
        n = len(grid)
        none = np.full((draw.resamples, grid.shape[1]), np.nan)
        if n < 2:
            return cls(grid.mean(axis=0) if n else none[0], none, n, draw.level)
        which = np.stack(list(replace(draw, seed=draw.seed + shift).draws(n)))
        return cls(grid.mean(axis=0), grid[which].mean(axis=1), n, draw.level)

    def interval(self, value: float, values: Floats) -> Interval:
        """Return the value with its interval, the percentiles of the resampled values."""
        return interval_of(float(value), values, self.n, self.level)


def _measured(
    own: Resampled, base: Resampled, sessions: list[int], reference: Reference
) -> Iterator[tuple[str, int, Interval]]:
    """Yield metric, session and interval of one condition; of the baseline, accuracies only."""
    metric = "MetaPredictorAccuracy"
    for column, session in enumerate(sessions):
        yield metric, session, own.interval(own.mean[column], own.means[:, column])
    yield metric, ALL, own.interval(own.mean.mean(), own.means.mean(axis=1))
    if own is base:
        return
    ratio = utility_k(own.mean, base.mean, reference)
    ratios = utility_k(own.means, base.means, reference)
    # Both conditions need participants that can be drawn: one alone has no spread.
    both = replace(own, n=min(own.n, base.n)) if base.n < 2 else own
    for column, session in enumerate(sessions):
        yield "UtilityK", session, both.interval(ratio[column], ratios[:, column])
    yield "Utility", ALL, both.interval(ratio.mean(), ratios.mean(axis=1))
