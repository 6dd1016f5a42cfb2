"""Stratified, seeded choices of images (or texts): every class keeps its share."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

from sparks.data.labelled import Labelled
from sparks.errors import SparksError

Data = TypeVar("Data", bound=Labelled)


def stratified_order(labels: Tensor, seed: int) -> Tensor:
    """Return a random order of the images of which every prefix is stratified by class.

    The images of each class are shuffled; image r of a class of c images stands at r / c of the
    way. So the first K images of K classes are one of each.

    Args:
        labels: int64 (N,).
        seed: of the shuffle.

    Returns:
        int64 (N,), a permutation.
    """
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(len(labels), generator=generator)
    place = torch.empty(len(labels), dtype=torch.float64)
    for label in sorted(set(labels.tolist())):
        members = shuffled[labels[shuffled] == label]
        place[members] = torch.arange(len(members), dtype=torch.float64) / len(members)
    return shuffled[place[shuffled].argsort(stable=True)]


def stratified_subset(images: Data, n: int | None, seed: int) -> Data:
    """Return at most `n` images (all for None), in their old order, each class with its share.

    Args:
        images: images or texts with labels.
        n: how many at most.
        seed: of the choice.
    """
    if n is None or n >= len(images):
        return images
    return images.subset(stratified_order(images.labels, seed)[:n].sort().values)


def stratified_split(images: Data, test_share: float, seed: int) -> dict[str, Data]:
    """Split into "train" and "test", each class with its share in both.

    Args:
        images: images or texts with labels.
        test_share: share of each class that is held out, in (0, 1).
        seed: of the choice.

    Raises:
        SparksError: when `test_share` is not strictly between 0 and 1.
    """
    if not 0 < test_share < 1:
        raise SparksError(f"test_share is {test_share}: it must lie between 0 and 1")
    order = stratified_order(images.labels, seed)
    n_test = round(test_share * len(images))
    return {
        "train": images.subset(order[n_test:].sort().values),
        "test": images.subset(order[:n_test].sort().values),
    }
