"""The finding that the first page of the site tells: a concept, and what covering it does."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sparks.concepts.covering import summary
from sparks.errors import SparksError
from sparks.io import load_tensors
from sparks.stats import Bootstrap

if TYPE_CHECKING:
    import pandas as pd

    from sparks_thesis.lens.folder import Atlas


@dataclass(frozen=True, eq=False)
class Story:
    """Effect on a class's logit of covering one of its concepts in test images.

    Attributes:
        target: number of the class in the atlas.
        concept: place of the concept, from 0.
        shows: what it shows, as a person called it who saw its crops.
        effect: rows of `sparks.concepts.covering.summary`, one a cover.
        images: some test images with the concept, uint8 (n, C, H, W).
        covered: the same with the concept covered.
        changes: of the logit in each of them: where the concept is covered, and elsewhere.
    """

    target: int
    concept: int
    shows: str
    effect: Sequence[Mapping[Hashable, Any]]
    images: Tensor
    covered: Tensor
    changes: Sequence[tuple[float, float]]


def tell(
    atlas: Atlas,
    name: str,
    shows: str,
    channels: Sequence[int],
    rows: pd.DataFrame,
    pictures: str | Path,
    bootstrap: Bootstrap,
) -> Story:
    """Make a story from what `CoveringStudy` measured.

    Args:
        atlas: of the model.
        name: of the class.
        shows: what the concept shows.
        channels: of the layer. The concept is the one with the largest share of its weight on
            them: its number may change with the images, its direction in the network does not.
        rows: of the study.
        pictures: its images.
        bootstrap: of the means, over images.

    Raises:
        SparksError: when the class or the channels are unknown, or the concept was not covered.
    """
    numbers = [target for target, known in atlas.names.items() if known == name]
    if not numbers:
        raise SparksError(
            f"studies.lens.stories: {name!r} is no class of the atlas of {atlas.model} on "
            f"{atlas.dataset}: choose one of {sorted(atlas.names.values())}"
        )
    (target,) = numbers
    atoms = atlas.load(target).atoms(atlas.bank(target))
    if max(channels) >= atoms.shape[1]:
        raise SparksError(
            f"the story of {name!r} in studies.lens.stories has channel {max(channels)}: the "
            f"layer has {atoms.shape[1]} channels"
        )
    share = atoms[:, list(channels)].sum(1) / atoms.sum(1).clamp(min=1e-12)
    concept = int(share.argmax())
    own = rows[(rows["class_name"] == name) & (rows["concept"] == concept)]
    tensors = load_tensors(pictures)
    key = f"{target}.{concept}"
    if not len(own) or f"{key}.index" not in tensors:
        raise SparksError(
            f"concept {concept + 1} of {name!r} was not covered in test images: see "
            "studies.covering.classes and studies.covering.concepts"
        )
    (first, *_) = own["cover"].unique()
    changes = own[own["cover"] == first].pivot_table("value", "image", "metric")
    pairs = [
        (float(changes.loc[image, "Covered"]), float(changes.loc[image, "CoveredElsewhere"]))
        for image in tensors[f"{key}.index"].tolist()
    ]
    effect = summary(own, bootstrap).to_dict("records")
    return Story(
        target, concept, shows, effect, tensors[f"{key}.images"], tensors[f"{key}.covered"], pairs
    )
