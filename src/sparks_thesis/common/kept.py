"""Arrays that a study kept for figures, with what they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Kept:
    """Arrays that a study stored of one model, for figures.

    Attributes:
        dataset: name of the data set, or empty.
        model: name of the model, or empty.
        seed: of the model.
        told: what the study says besides, such as "classes".
        arrays: name → array.
    """

    dataset: str
    model: str
    seed: int
    told: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
