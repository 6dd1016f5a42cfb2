"""The paper's statistics: do conditions differ, which from the baseline, what goes with Utility.

The unit is a participant: the accuracy over all sessions. The paper's degrees of freedom (7 and
participants - 8) say the same.
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
    """One-way analysis of variance over participants.

    Attributes:
        f: ratio of the mean squares between and within conditions.
        p: probability of at least that f if conditions did not differ.
        between: degrees of freedom between conditions.
        within: degrees of freedom within conditions.
        eta2: share of the variance that is between conditions, in [0, 1].
    """

    f: float
    p: float
    between: int
    within: int
    eta2: float


def groups(sessions: pd.DataFrame, scenario: str) -> dict[str, np.ndarray]:
    """Return condition → accuracy of each participant over all sessions (participants,).

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
    """Test whether conditions differ, over participants' accuracies.

    f and p are NaN where all participants are equal within every condition: f divides by the
    variance within.
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

    All pairs of conditions count for the correction, as in the paper.

    Returns:
        Columns condition, difference (of mean accuracies, from the baseline), low, high (95 %,
        simultaneous) and p; the last three are NaN where all participants are equal within every
        condition.

    Raises:
        SparksError: when the scenario has no baseline.
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
