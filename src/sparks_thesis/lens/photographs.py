"""Photographs of classes of ImageNet, from several data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.io import tensor_provenance


class Photographs(NamedTuple):
    """Images of a data set, and the number of each of its classes among the network's."""

    name: str
    images: ImageSet
    rows: Tensor


def photographs(files: Sequence[str]) -> list[Photographs]:
    """Read image sets of classes of ImageNet; splits that are the same images count once.

    Raises:
        SparksError: when a data set does not say which classes of ImageNet its own are.
    """
    found: list[Photographs] = []
    for file in files:
        images = ImageSet.load(file)
        name = str(tensor_provenance(file)["job"]["dataset"])
        rows = images.tables.get("imagenet_labels")
        if rows is None:
            raise SparksError(
                f"studies.atoms.datasets: {name} does not say which of ImageNet's classes its own "
                "are (imagenet_classes of its data set): take it out, or name them"
            )
        if not any(one.name == name and _same(one.images, images) for one in found):
            found.append(Photographs(name, images, torch.tensor(rows)))
    return found


def side_of(sources: Sequence[Photographs]) -> int:
    """Return the side of the largest images, to which the others are resized."""
    return max(source.images.side for source in sources)


def _same(first: ImageSet, second: ImageSet) -> bool:
    if first.images is None or second.images is None:
        return first.files is not None and first.files == second.files
    return first.images.equal(second.images)
