"""The maps of one method, with what they explain: what figures of maps are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Explained:
    """The maps of one method on one model.

    Attributes:
        dataset: name of the data set.
        model: name of the model.
        method: label of the method.
        maps: (N, H, W), raw.
        target: class explained of each image, (N,).
    """

    dataset: str
    model: str
    method: str
    maps: Tensor
    target: Tensor
