"""Networks that have learnt nothing, on which no claim can be judged."""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd
import torch
from torch import Tensor

from sparks.data.imageset import ImageSet
from sparks.models.classifier import Classifier
from sparks.stats import Interval, proportion, shown
from sparks.training import predict

NETWORK = ["dataset", "model", "seed"]
# Share of images that are classified rightly; beside it, that of the most frequent class.
RIGHT, MAJORITY = "Accuracy", "MajorityAccuracy"
IMAGES = 1000  # training images that tell whether a network has learnt anything


def right(model: Classifier, images: ImageSet, device: str) -> dict[str, Tensor]:
    """Tell which images a network classifies rightly, and which are of the most frequent class.

    Args:
        model: the network.
        images: with their labels.
        device: as in `sparks.models.resolve_device`.

    Returns:
        "Accuracy" and "MajorityAccuracy", each 0 or 1 of each image, (N,).
    """
    labels = images.labels
    found = predict(model, images, device=device).argmax(1)
    marks = {RIGHT: found == labels, MAJORITY: labels == labels.mode().values}
    return {name: mark.double() for name, mark in marks.items()}


def sample(images: ImageSet, most: int = IMAGES) -> ImageSet:
    """Return at most so many images, drawn at random, always the same ones.

    The first ones may be of one class, as sets on disk are in the order of classes, and each sixth
    one as well, as generated sets repeat theirs in turns.
    """
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return images.subset(order[:most])


def accuracies(
    scores: pd.DataFrame, split: str
) -> dict[tuple[Hashable, ...], tuple[Interval, float]]:
    """Return the accuracy of networks, and that of always naming the most frequent class.

    Args:
        scores: tidy scores; the rows that `evaluate` wrote count.
        split: "train" or "test".

    Returns:
        (data set, model, seed) → Wilson's interval and the accuracy of the most frequent class.
    """
    rows = scores[scores["metric"].isin([RIGHT, MAJORITY]) & (scores["split"] == split)]
    rows = rows.drop_duplicates([*NETWORK, "metric", "image"])
    found = {}
    for network, group in rows.groupby(NETWORK):
        values = dict(iter(group.groupby("metric")["value"]))
        if set(values) == {RIGHT, MAJORITY}:
            found[network] = (proportion(values[RIGHT]), float(values[MAJORITY].mean()))
    return found


def learnt(right: Interval, majority: float) -> bool:
    """Return whether a network is right more often than the most frequent class, beyond chance."""
    return right.low > majority


def learnt_nothing(scores: pd.DataFrame) -> dict[tuple[Hashable, ...], str]:
    """Return the networks that are no better than the most frequent class where they were trained.

    Test images do not tell: a network that was trained on biased images and has learnt the bias is
    at chance on unbiased ones.

    Args:
        scores: as in `accuracies`. Networks that were not trained here are not judged.

    Returns:
        (data set, model, seed) → a sentence that says so.
    """
    return {
        (dataset, model, seed): (
            f"{model} on {dataset} (seed {seed}) has learnt nothing: right in "
            f"{shown(right, 0, 100)} % of its training images, of which the most frequent class "
            f"has {100 * majority:.0f} %"
        )
        for (dataset, model, seed), (right, majority) in accuracies(scores, "train").items()
        if not learnt(right, majority)
    }
