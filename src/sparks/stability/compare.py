"""Explain images by every network of a condition, and measure how far the maps are apart.

Images are explained in shards: maps exist for one shard at a time, so memory does not grow with the
number of images, only the table of numbers does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparks.data.imageset import ImageSet
from sparks.data.splits import stratified_order
from sparks.errors import SparksError
from sparks.protocols import AttributionMethod, Explanation, Metric
from sparks.short_repr import short_repr
from sparks.stability.distances import Distances
from sparks.training.predict import predict

# Images explained at a time. Fixed: float sums depend on it.
SHARD = 16


@dataclass(frozen=True)
class Compared:
    """The numbers of one shard of images that the network of one fold has not seen.

    Attributes:
        image: index of each image in the data set, (B,).
        fold: the fold that holds them out.
        right: whether each of the k networks is right on each image, bool (k, B).
        distances: name → (B, k): distance of the maps of network `fold` and of each network, 0
            from itself. "flag" says where a map is constant or broken (see `Distances`).
        metrics: scores of the map of network `fold`: name → (B,).

    Example:
        `compare` yields one for each shard of images. Here the networks of both folds are the same.

        >>> from sparks.attribution import Saliency
        >>> from sparks.data import ImageSet
        >>> from sparks.stability.compare import compare
        >>> pixels = torch.randint(256, (8, 3, 4, 4), dtype=torch.uint8)
        >>> images = ImageSet(labels, ("cat", "dog"), images=pixels)
        >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 2)).eval()
        >>> folds = stratified_folds(labels, k=2, seed=0)
        >>> methods, chosen = [Saliency(), Saliency()], torch.arange(8)
        >>> for compared in compare([net, net], methods, images, folds, chosen, Distances()):
        ...     print(compared.fold, compared.distances["l1"].shape, compared.distances["l1"].max())
        0 torch.Size([4, 2]) tensor(0., dtype=torch.float64)
        1 torch.Size([4, 2]) tensor(0., dtype=torch.float64)
    """

    image: Tensor
    fold: int
    right: Tensor
    distances: dict[str, Tensor]
    metrics: dict[str, Tensor]

    __repr__ = short_repr


def chosen_images(labels: Tensor, folds: Tensor, n: int, seed: int) -> Tensor:
    """Choose n images to explain: equally many of each fold, and of each class within it.

    Args:
        labels: int64 (N,).
        folds: fold of each image, int64 (N,), as `stratified_folds` gives it.
        n: number of images in all; rounded down to a multiple of the number of folds.
        seed: of the choice.

    Returns:
        Indices of the images, int64 (n,), fold after fold.

    Raises:
        SparksError: when a fold would have no image.

    Example:
        >>> folds = stratified_folds(labels, k=2, seed=0)
        >>> chosen = chosen_images(labels, folds, n=4, seed=0)
        >>> folds[chosen].tolist(), sorted(labels[chosen].tolist())
        ([0, 0, 1, 1], [0, 0, 1, 1])
    """
    k = int(folds.max()) + 1
    if n < k:
        raise SparksError(f"{n} images cannot be spread over {k} folds: explain at least {k}")
    chosen = []
    for fold in range(k):
        members = (folds == fold).nonzero().flatten()
        chosen.append(members[stratified_order(labels[members], seed)[: n // k]])
    return torch.cat(chosen)


def compare(
    models: Sequence[nn.Module],
    methods: Sequence[AttributionMethod],
    images: ImageSet,
    folds: Tensor,
    chosen: Tensor,
    distances: Distances,
    metrics: Sequence[Metric] = (),
    target: str = "label",
    shard: int = SHARD,
) -> Iterator[Compared]:
    """Explain images by every network; compare the one that has not seen an image with the others.

    Args:
        models: one network a fold, trained without it, in evaluation mode.
        methods: the attribution method, once a network: so that each may have its own seed.
        images: the whole data set, with true labels.
        folds: fold of each image, (N,).
        chosen: indices of the images to explain.
        distances: between maps.
        metrics: scores of the maps by the network that has not seen the image.
        target: the class explained, the true one ("label") or each network's own ("predicted").
        shard: images held at a time.

    Yields:
        The numbers of a shard; its maps are gone by then.
    """
    if not len(models) == len(methods) == int(folds.max()) + 1:
        raise SparksError(f"{len(models)} networks do not fit {int(folds.max()) + 1} folds")
    for fold in range(len(models)):
        mine = chosen[folds[chosen] == fold]
        for indices in torch.split(mine, shard) if len(mine) else ():
            yield _compare_shard(models, methods, images, indices, fold, distances, metrics, target)


def _compare_shard(
    models: Sequence[nn.Module],
    methods: Sequence[AttributionMethod],
    images: ImageSet,
    indices: Tensor,
    fold: int,
    distances: Distances,
    metrics: Sequence[Metric],
    target: str,
) -> Compared:
    device = next(models[0].parameters()).device
    x, labels = images.batch(indices).to(device), images.labels[indices]
    predicted = [predict(model, x, device=device).argmax(1) for model in models]
    classes = [(labels if target == "label" else own).to(device) for own in predicted]
    maps = [
        method(model, x, wanted).detach().float().cpu()
        for model, method, wanted in zip(models, methods, classes, strict=True)
    ]
    columns = [distances(maps[fold], other) for other in maps]
    scores: dict[str, Tensor] = {}
    for metric in metrics:
        scores |= metric(Explanation(models[fold], x, classes[fold], maps[fold]))
    return Compared(
        indices,
        fold,
        torch.stack([own == labels for own in predicted]),
        {name: torch.stack([column[name] for column in columns], 1) for name in columns[0]},
        scores,
    )
