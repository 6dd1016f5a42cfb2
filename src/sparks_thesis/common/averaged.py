"""The base class of figures and tables that show means."""

from __future__ import annotations

from dataclasses import dataclass, field

from sparks.stats import Bootstrap


@dataclass(frozen=True)
class Averaged:
    """Base class of figures and tables that show means with their intervals.

    Attributes:
        bootstrap: of the means, over what the class says, else over images.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)
