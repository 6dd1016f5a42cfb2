"""Simulated people: where annotators would click if they knew the truth and erred a little.

These are no human data. Each annotator prefers some of the diagnostic parts, clicks on them with a
noisy hand, and now and then clicks anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparks.errors import SparksError


@dataclass(frozen=True)
class Annotators:
    """Settings of the simulated people who click on every image of `Chimera`.

    Each of them prefers some of the diagnostic parts, clicks on these with some noise, and now and
    then clicks anywhere.

    Attributes:
        number: annotators per image.
        clicks: clicks of each annotator.
        noise: standard deviation of the distance between aim and click, in sides of the image.
        stray: share of clicks that land anywhere, in [0, 1].

    Raises:
        SparksError: when one of them is out of range.

    Example:
        >>> from sparks.data import Chimera
        >>> people = Annotators(number=4, clicks=2)
        >>> images = Chimera(n_train=10, n_test=10, size=32, annotators=people)()["test"]
        >>> images.truth["clicks"].shape  # images, people, clicks, x and y
        torch.Size([10, 4, 2, 2])
    """

    number: int = 6
    clicks: int = 10
    noise: float = 0.02
    stray: float = 0.15

    def __post_init__(self) -> None:
        for name in ("number", "clicks"):
            if getattr(self, name) < 1:
                raise SparksError(f"annotators: {name} is {getattr(self, name)}: at least 1")
        if not self.noise >= 0:
            raise SparksError(f"annotators: noise is {self.noise}: it must not be negative")
        if not 0 <= self.stray <= 1:
            raise SparksError(f"annotators: stray is {self.stray}: it must lie between 0 and 1")


def simulate_clicks(
    rng: np.random.Generator, labels: NDArray[np.uint8], parts: Sequence[int], people: Annotators
) -> NDArray[np.float32]:
    """Return the clicks of simulated annotators on one image.

    Args:
        rng: generator of the random numbers.
        labels: label map of the image's parts (H, W).
        parts: the diagnostic parts of its class.
        people: who clicks.

    Returns:
        (annotators, clicks, 2), x and y in pixels, inside the image.
    """
    size, shape = len(labels), (people.number, people.clicks)
    pixels = [np.argwhere(labels == part + 1) for part in parts]  # (y, x)
    preference = rng.dirichlet([2.0] * len(pixels), size=people.number).cumsum(axis=1)
    part = (rng.random(shape)[..., None] > preference[:, None, :-1]).sum(axis=2)
    place, stray, anywhere = rng.random(shape), rng.random(shape), rng.random((*shape, 2))
    hand = rng.normal(scale=people.noise * size, size=(*shape, 2))
    aimed = np.empty((*shape, 2))
    for p, candidates in enumerate(pixels):
        chosen = part == p
        aimed[chosen] = candidates[(place[chosen] * len(candidates)).astype(int), ::-1] + 0.5
    clicks = np.where((stray < people.stray)[..., None], anywhere * size, aimed + hand)
    return np.clip(clicks, 0, size - 1e-3).astype(np.float32)
