"""The number of participants with which a study finds that an explanation helps."""

from __future__ import annotations

import math

from sparks.errors import SparksError

MOST = 100_000  # participants of a condition that are tried


def power(
    difference: float, spread: float, participants: int, conditions: int, level: float = 0.05
) -> float:
    """Return the probability that Tukey's test finds a condition better than the baseline.

    Participants' accuracies are taken as normal with the same spread in every condition. Two means
    of n participants each, compared among k conditions, then differ by a non-central t with
    k (n - 1) degrees of freedom.

    Args:
        difference: of the two conditions' true accuracies, above 0.
        spread: standard deviation between participants of a condition, above 0.
        participants: of each condition, 2 or more.
        conditions: of the scenario, the baseline among them, 2 or more.
        level: probability that any two conditions differ by chance, in (0, 1).

    Raises:
        SparksError: naming a number that is out of its range.

    Example:
        The paper's study: 8 conditions of 30 participants whose accuracies spread by 14 %. It finds
        a Utility of 1.34 (GradCAM's, 21 % above a baseline of 61.6 %), and hardly ever one of 1.1.

        >>> round(power(0.21, 0.14, participants=30, conditions=8), 2)
        1.0
        >>> round(power(0.0616, 0.14, participants=30, conditions=8), 2)
        0.09
    """
    from scipy.stats import nct, studentized_range

    _require(difference > 0, "difference", difference, "above 0")
    _require(spread > 0, "spread", spread, "above 0")
    _require(participants >= 2, "participants", participants, "2 or more")
    _require(conditions >= 2, "conditions", conditions, "2 or more")
    _require(0 < level < 1, "level", level, "between 0 and 1")
    freedom = conditions * (participants - 1)
    needed = studentized_range.ppf(1 - level, conditions, freedom) / math.sqrt(2)
    return float(nct.sf(needed, freedom, difference / spread * math.sqrt(participants / 2)))


def participants_needed(
    difference: float,
    spread: float,
    conditions: int,
    wanted: float = 0.8,
    level: float = 0.05,
) -> int:
    """Return the participants of each condition with which `power` reaches what is wanted.

    Args:
        difference: see `power`.
        spread: see there.
        conditions: see there.
        wanted: power, in (0, 1).
        level: see there.

    Raises:
        SparksError: naming a number that is out of its range, or when 100,000 are too few.

    Example:
        A Utility of 1.1 needs five times as many participants as the paper had.

        >>> participants_needed(0.0616, 0.14, conditions=8)
        156
    """
    _require(0 < wanted < 1, "wanted", wanted, "between 0 and 1")

    def enough(participants: int) -> bool:
        return power(difference, spread, participants, conditions, level) >= wanted

    few, many = 1, 2
    while not enough(many):
        few, many = many, 2 * many
        if few > MOST:
            raise SparksError(
                f"participants_needed: {MOST:,} of each condition do not find a difference of "
                f"{difference:g} with a spread of {spread:g}: plan for a larger one"
            )
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _require(condition: bool, name: str, value: float, allowed: str) -> None:
    if not condition:
        raise SparksError(f"{name}={value}: it must be {allowed}")
