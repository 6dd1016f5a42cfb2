"""The paper's statistics: whether conditions differ, and which of them differ from the baseline.

The unit is a participant, with the accuracy over all sessions. The paper does the same, as its
degrees of freedom say (7 between eight conditions, participants - 8 within them).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sparks.errors import SparksError
from sparks.stats import alike
from sparks.utility.answers import BASELINE


@dataclass(frozen=True)
class Anova:
    """Result of a one-way analysis of variance over participants, as `anova` returns it.

    Attributes:
        f: ratio of the mean squares between and within conditions.
        p: probability of at least that f if conditions did not differ.
        between: degrees of freedom between conditions: their number less one.
        within: degrees of freedom within conditions: participants less conditions.
        eta2: share of the variance that is between conditions, in [0, 1].

    Example:
        η² follows from F and the degrees of freedom.

        >>> from sparks.utility import anova
        >>> test = anova(sessions, "husky")
        >>> explained = test.f * test.between
        >>> abs(test.eta2 - explained / (explained + test.within)) < 1e-6
        True
    """

    f: float
    p: float
    between: int
    within: int
    eta2: float


def groups(sessions: pd.DataFrame, scenario: str) -> dict[str, np.ndarray]:
    """Return condition → accuracy of each participant over all sessions, (participants,).

    Args:
        sessions: one row a participant and session, as `session_accuracies` returns.
        scenario: which of its scenarios.

    Raises:
        SparksError: when there is no such scenario, or a condition has one participant only.
    """
    table = sessions[sessions["scenario"] == scenario]
    if table.empty:
        raise SparksError(f"there are no answers of scenario {scenario!r}")
    means = table.groupby(["condition", "participant"], sort=False)["accuracy"].mean()
    found = {
        str(condition): values.to_numpy(dtype=float)
        for condition, values in means.groupby("condition", sort=False)
    }
    if few := [condition for condition, values in found.items() if len(values) < 2]:
        raise SparksError(
            f"{scenario}: condition {few[0]!r} has one participant; a test needs two at least"
        )
    return found


def anova(sessions: pd.DataFrame, scenario: str) -> Anova:
    """Test by a one-way analysis of variance whether participants' accuracies differ by condition.

    Args:
        sessions: one row a participant and session, as `session_accuracies` returns.
        scenario: which of its scenarios.

    Returns:
        The test; its f and p are NaN where all participants are equal within every condition, since
        f divides by the variance within.

    Raises:
        SparksError: when there is no such scenario, it has one condition only, or a condition has
            one participant only.

    Example:
        Means over sessions are 0.25 and 0.75 with the baseline, 0.75 and 1 with saliency. The sums
        of squares are then 9/64 between and 10/64 within the two conditions, so that F is
        (9 / 1) / (10 / 2).

        >>> test = anova(sessions, "husky")
        >>> round(test.f, 2), test.between, test.within
        (1.8, 1, 2)
    """
    from scipy.stats import f_oneway

    samples = list(groups(sessions, scenario).values())
    if len(samples) < 2:
        raise SparksError(f"{scenario} has one condition only: nothing to compare")
    everyone = np.concatenate(samples)
    between = sum(len(s) * (s.mean() - everyone.mean()) ** 2 for s in samples)
    total = float(((everyone - everyone.mean()) ** 2).sum())
    test = None if _alike_within(samples) else f_oneway(*samples)
    return Anova(
        f=float(test.statistic) if test else np.nan,
        p=float(test.pvalue) if test else np.nan,
        between=len(samples) - 1,
        within=len(everyone) - len(samples),
        eta2=float(between / total) if total > 0 else np.nan,
    )


def _alike_within(samples: list[np.ndarray]) -> bool:
    """Return whether the participants of every condition are equal up to rounding."""
    return all(alike(sample) for sample in samples)


def eta2_of(f: float, between: int, within: int) -> float:
    """Return the η² that an F implies in a one-way design: f·df₁ / (f·df₁ + df₂)."""
    return f * between / (f * between + within)


def tukey(sessions: pd.DataFrame, scenario: str, baseline: str = BASELINE) -> pd.DataFrame:
    """Compare every condition with the baseline by Tukey's honestly significant difference.

    Intervals and p hold for all pairs of conditions at once, as in the paper, not only for those
    with the baseline.

    Args:
        sessions: one row a participant and session, as `session_accuracies` returns.
        scenario: which of its scenarios.
        baseline: the condition without explanations.

    Returns:
        One row a condition but the baseline, with the columns condition, difference (of its mean
        accuracy from the baseline's), low and high (ends of the simultaneous 95 % interval) and p;
        the last three are NaN where all participants are equal within every condition.

    Raises:
        SparksError: when there is no such scenario, it has no baseline or nothing else, or a
            condition has one participant only.

    Example:
        The mean accuracies are 7/8 with saliency and 1/2 without.

        >>> table = tukey(sessions, "husky")
        >>> dict(zip(table["condition"], table["difference"]))
        {'Saliency': 0.375}
    """
    from scipy.stats import tukey_hsd

    samples = groups(sessions, scenario)
    names = list(samples)
    if baseline not in names or len(names) < 2:
        raise SparksError(f"{scenario} lacks the condition {baseline!r}, or others to compare")
    with np.errstate(divide="ignore", invalid="ignore"):  # without variance: NaN below
        test = tukey_hsd(*samples.values())
        interval = test.confidence_interval()
    base = names.index(baseline)
    known = np.nan if _alike_within(list(samples.values())) else 1.0
    return pd.DataFrame(
        {
            "condition": name,
            "difference": float(test.statistic[i, base]),
            "low": float(interval.low[i, base]) * known,
            "high": float(interval.high[i, base]) * known,
            "p": float(test.pvalue[i, base]) * known,
        }
        for i, name in enumerate(names)
        if i != base
    )
