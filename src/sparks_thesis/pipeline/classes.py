"""Classes as the jobs of concepts and Lens take them: all of a model, or those of a shard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparks.concepts.classes import Classified


def classified(inputs: Mapping[str, Any], split: str) -> Classified:
    """Read the images of a split, and the class that a model gives each of them."""
    from sparks.artifacts import load_tensors
    from sparks.concepts.classes import Classified
    from sparks.data import ImageSet

    predicted = load_tensors(inputs["predicted"], [split])[split]
    return Classified(ImageSet.load(inputs[split]), predicted)


def classes_of_shard(size: int | None, shard: str | None) -> slice:
    """Return the classes of a job, as a slice of those that are measured."""
    if size is None or shard is None:
        return slice(0, None)
    return slice(int(shard) * size, (int(shard) + 1) * size)
