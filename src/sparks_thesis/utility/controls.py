"""Conditions that show whether simulated participants could learn anything from a map.

The oracle is attention to what decides the class, known by construction of the data; the opposite
is attention to everything else. (The oracle of another image would be no opposite: it still covers
most of a background.) Random maps say nothing. An assay in which the first does not help, or one of
the others does, says nothing about the maps of methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from torch import Tensor

from sparks.data import ImageSet
from sparks.stats import Bootstrap, shown
from sparks.utility.answers import BASELINE
from sparks_thesis.utility.scored import ELSEWHERE, NOISE, ORACLE, PEOPLE, Scored

USELESS = (ELSEWHERE, NOISE)  # conditions that must not help


def decisive(images: ImageSet, where: str = "parts") -> Tensor | None:
    """Return maps of the places that decide the class of each image, 1 there and 0 elsewhere.

    Args:
        images: with their ground truth.
        where: "parts", the diagnostic parts, or "background", where no part is seen: what a biased
            model looks at.

    Returns:
        float32 (N, H, W); None where the images come without ground truth.
    """
    if where == "background":
        parts = images.truth.get("parts")
        return None if parts is None else (parts == 0).float()
    diagnostic = images.diagnostic()
    return None if diagnostic is None else diagnostic.float()


@dataclass(frozen=True)
class Headroom:
    """Control of claims about Utility: can a map help, and only if it shows the right place?

    In each scenario the baseline answers about as people did, the oracle helps by at least `gain`,
    and neither attention to everything else nor a random map does.

    Attributes:
        scenarios: "bias", "rule" and "hard" → our data set for it.
        roles: those that a claim is about.
        near: largest difference of the baseline's accuracy from people's.
        gain: smallest gain in Utility by the oracle. Of people's significant gains the smallest is
            .07, the largest .34.
        bootstrap: over simulated participants.
    """

    scenarios: Mapping[str, str]
    roles: Sequence[str] = tuple(PEOPLE)
    near: float = 0.15
    gain: float = 0.1
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, table: pd.DataFrame) -> tuple[bool, str]:
        """Return whether every scenario has headroom, with the numbers of each."""
        scored = Scored(table, self.bootstrap, self.scenarios)
        passed, details = True, []
        for role in self.roles:
            name = scored.named(role)
            if name is None or not {ORACLE, *USELESS} <= scored.conditions(name):
                return False, f"no oracle took part in {self.scenarios.get(role, role)}"
            ours = scored.baseline(name)
            theirs = scored.people_baseline(PEOPLE[role])
            oracle = scored.utility(name, ORACLE)
            useless = {condition: scored.utility(name, condition) for condition in USELESS}
            passed &= abs(ours - theirs) <= self.near
            passed &= oracle.low > 1 and oracle.mean >= 1 + self.gain
            passed &= not any(found.low > 1 for found in useless.values())
            others = ", ".join(f"{c.lower()} {shown(found, 2)}" for c, found in useless.items())
            details.append(
                f"{scored.data(name)}: {BASELINE.lower()} {ours:.2f} (people {theirs:.2f}), oracle "
                f"{shown(oracle, 2)}, {others}"
            )
        return bool(passed), "; ".join(details)
