"""Explanations as participants see them: what counted stays bright, the rest is dimmed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.io import load_tensors, tensor_provenance
from sparks.training.predict import predict
from sparks_thesis.human_study.scenario import BASELINE, Seen

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


def ask(model: nn.Module, images: ImageSet) -> Seen:
    """Ask a model, in evaluation mode, for the class of each image."""
    logits = predict(model, images, device=next(model.parameters()).device)
    return Seen(images, logits.argmax(1))


def read_maps(
    files: Sequence[str], index: Tensor, predicted: Tensor
) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read the maps of the examples.

    Args:
        files: maps of all explained images by one method each.
        index: the examples among these images, int64 (e,).
        predicted: class that the model gives each explained image, int64 (N,).

    Returns:
        Condition → label, the baseline, which has no map, first; and the tensors "map.CONDITION"
        of a `Scenario`.

    Raises:
        SparksError: when other classes than the model's own are explained.
    """
    labels, found = {BASELINE: "Baseline"}, {}
    for file in files:
        tensors = load_tensors(file, ["maps", "target"])
        if (tensors["target"][index] != predicted[index]).any():
            raise SparksError(
                f"{file} explains other classes than the model's own: people predict the model, so "
                "set explain.target=predicted"
            )
        name = Path(file).stem
        labels[name] = str(tensor_provenance(file)["config"]["attribution"]["label"])
        found[f"map.{name}"] = shades(tensors["maps"][index])
    return labels, found


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
