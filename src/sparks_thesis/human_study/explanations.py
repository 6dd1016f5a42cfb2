"""Explanations as participants see them: what counted stays bright, the rest is dimmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sparks.errors import SparksError

if TYPE_CHECKING:
    from sparks_thesis.lens.explain import Explainer

# Of |map|, what has full light: as in fig-gallery.
QUANTILE = 0.995


def shades(maps: Tensor) -> Tensor:
    """Convert maps (N, H, W) to brightness, uint8: the absolute value, full at a quantile.

    Raises:
        SparksError: when a map holds NaN or infinite values.
    """
    values = maps.float().abs()
    if not values.isfinite().all():
        raise SparksError("a map holds NaN or infinite values: make it again before people see it")
    full = torch.quantile(values.flatten(1), QUANTILE, dim=1)
    # A sparse map may have its quantile at 0.
    full = torch.where(full > 0, full, values.amax((1, 2))).clamp(min=1e-12)
    return (values / full[:, None, None] * 255).round().clamp(max=255).byte()


def concept_views(
    explain: Explainer, images: Tensor, predicted: Sequence[int], most: int, crops: int
) -> dict[str, Tensor]:
    """Show the concepts that contribute most to the model's output on each image.

    Args:
        explain: explains one image by the concepts of the class it is given.
        images: (e, C, H, W) in [0, 1].
        predicted: class that the model gives each.
        most: concepts of each image.
        crops: training crops shown of each concept.

    Returns:
        The tensors "concepts.…" of a `Scenario`.

    Raises:
        SparksError: when the atlas lacks a class.
    """
    channels, height, width = images.shape[1:]
    seen = torch.zeros(len(images), most, height, width, dtype=torch.uint8)
    share = torch.zeros(len(images), most)
    strips: list[list[Tensor]] = []
    for row, image in enumerate(images):
        found = explain(image[None]).concepts[:most]
        if not found:
            raise SparksError(
                f"the Lens atlas has no concept for what the model says of example {row + 1} "
                f"({explain.classes[predicted[row]]!r}): raise studies.lens.surveyor.most, or "
                "leave concepts out (study.concepts=0)"
            )
        for place, concept in enumerate(found):
            seen[row, place] = (concept.seen * 255).round().byte()
            share[row, place] = concept.share
        strips.append([concept.crops[:crops] for concept in found])
    side = strips[0][0].shape[-1]
    shown = torch.zeros(len(images), most, crops, channels, side, side, dtype=torch.uint8)
    for row, strip in enumerate(strips):
        for place, tiles in enumerate(strip):
            shown[row, place, : len(tiles)] = tiles
    return {"concepts.seen": seen, "concepts.crops": shown, "concepts.share": share}
