"""Selection of the classes that get concepts, and of the images of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.training.predict import predict

EVERY = slice(0, None)


@dataclass(frozen=True, eq=False)
class Classified:
    """Images, and the class that a model predicts for each.

    Attributes:
        images: N of them.
        predicted: int64 (N,).
    """

    images: ImageSet
    predicted: Tensor

    @classmethod
    def by(cls, model: nn.Module, images: ImageSet) -> Classified:
        """Ask a model."""
        logits = predict(model, images, device=next(model.parameters()).device)
        return cls(images, logits.argmax(1))

    def of(self, target: int, most: int | None = None) -> Tensor:
        """Return the first `most` images predicted as class `target`: indices, int64 (n,)."""
        return (self.predicted == target).nonzero()[:, 0][:most]


class Found(NamedTuple):
    """One class: its place among those that are measured, and which images are predicted as it."""

    place: int
    target: int
    fit: Tensor  # in the training set
    judge: Tensor  # in the test set


def measurable(
    train: Classified,
    test: Classified,
    most: tuple[int | None, int | None],
    least: tuple[int, int],
    part: slice = EVERY,
) -> Sequence[Found]:
    """List the classes that a model predicts for enough images.

    Args:
        train: images that concepts are extracted from.
        test: images that they are judged on.
        most: training and test images of a class that are taken.
        least: without so many training and test images, a class is left out.
        part: which of those that are measured, by their place.

    Raises:
        SparksError: when the model predicts none for enough images.
    """
    targets = torch.unique(train.predicted).tolist()
    each = [(c, train.of(c, most[0]), test.of(c, most[1])) for c in targets]
    enough = [one for one in each if len(one[1]) >= least[0] and len(one[2]) >= least[1]]
    if not enough:
        raise SparksError(
            f"no class has {least[0]} training and {least[1]} test images predicted as it: train "
            "the model, or give more images"
        )
    return [Found(place, *one) for place, one in enumerate(enough)][part]


def within(part: slice, most: int | None) -> slice:
    """Return the part that lies before place `most`."""
    ends = [end for end in (part.stop, most) if end is not None]
    return slice(part.start, min(ends, default=None))
