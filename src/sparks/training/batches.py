"""Batches in an order that depends on (seed, epoch) alone, so that a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sparks.data.labelled import Labelled
from sparks.data.prefetch import prefetch
from sparks.data.splits import stratified_split

Batch = tuple[Tensor, Tensor, Tensor]
Data = TypeVar("Data", bound=Labelled)


def derive(seed: int, *keys: int) -> int:
    """Return a seed for one purpose, derived from the seed of a run.

    Different keys give independent streams of random numbers.

    Args:
        seed: of the run, 0 or more.
        keys: numbers of the purpose, such as the epoch, 0 or more.

    Returns:
        63 random bits.

    Example:
        >>> derive(0, 1) == derive(0, 1), derive(0, 1) == derive(0, 2)
        (True, False)
    """
    state = np.random.SeedSequence([seed, *keys]).generate_state(1, np.uint64)
    return int(state[0]) >> 1


def holdout(train: Data, share: float, seed: int) -> tuple[Data, Data | None]:
    """Split training inputs into those to train on and those to validate on, class by class.

    Args:
        train: images or texts with labels.
        share: of the inputs to validate on, in [0, 1).
        seed: of the choice.

    Returns:
        What to train on and what to validate on; all and None with `share` 0.

    Raises:
        SparksError: when the share is out of its range.

    Example:
        >>> train, validation = holdout(images, share=0.25, seed=0)
        >>> train.labels.bincount().tolist(), validation.labels.bincount().tolist()
        ([6, 6], [2, 2])
    """
    if share == 0:
        return train, None
    parts = stratified_split(train, share, seed)
    return parts["train"], parts["test"]


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Return the number of full batches in n images; 1 for fewer images than a batch has."""
    return max(1, n // batch_size)


def epoch_batches(data: Labelled, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
    """Yield one epoch of inputs (B, ...), labels (B,) and indices (B,) into the data set.

    The order depends on (seed, epoch). Where inputs are files, the next batch is decoded in a
    thread while this one is computed on.
    """
    generator = torch.Generator().manual_seed(derive(seed, epoch))
    order = torch.randperm(len(data), generator=generator)
    chunks = torch.split(order, batch_size)[: steps_per_epoch(len(data), batch_size)]
    if data.in_memory:
        yield from ((data.batch(chunk), data.labels[chunk], chunk) for chunk in chunks)
        return
    for chunk, images in prefetch(data.batch, chunks):
        yield images, data.labels[chunk], chunk


def augment(
    images: Tensor,
    flip: bool,
    shift: int,
    generator: torch.Generator,
    crop_area: Sequence[float] = (1.0, 1.0),
) -> Tensor:
    """Mirror, move and crop each image at random.

    Args:
        images: (B, C, H, W).
        flip: whether to mirror, with probability 1/2.
        shift: how far to move each way at most, in pixels; the border pixels are repeated outwards.
        generator: on the CPU.
        crop_area: least and greatest share of the image's area that a crop shows. Its area is
            uniform between them, it lies anywhere in the image, and it is enlarged to the image's
            size (bilinear). The aspect ratio stays.
    """
    if flip or shift:
        images = _moved(images, flip, shift, generator)
    return images if min(crop_area) == 1 else _cropped(images, crop_area, generator)


def _moved(images: Tensor, flip: bool, shift: int, generator: torch.Generator) -> Tensor:
    b, _, h, w = images.shape
    rows, columns = torch.arange(h).expand(b, h), torch.arange(w).expand(b, w)
    if flip:
        mirrored = torch.rand(b, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    if shift:
        dy, dx = torch.randint(-shift, shift + 1, (2, b, 1), generator=generator)
        rows, columns = (rows + dy).clamp(0, h - 1), (columns + dx).clamp(0, w - 1)
    rows, columns = rows.to(images.device), columns.to(images.device)
    image = torch.arange(b, device=images.device)[:, None, None]
    # Indexing around the channels puts them last.
    moved = images[image, :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()


def _cropped(images: Tensor, area: Sequence[float], generator: torch.Generator) -> Tensor:
    low, high = area
    draws = torch.rand(3, len(images), generator=generator)
    side = (low + (high - low) * draws[0]).sqrt()
    # In coordinates from -1 to 1, a crop of relative side s has its centre within ±(1 - s).
    centre = (2 * draws[1:] - 1) * (1 - side)
    boxes = torch.zeros(len(images), 2, 3)
    boxes[:, 0, 0] = boxes[:, 1, 1] = side
    boxes[:, :, 2] = centre.T
    grid = functional.affine_grid(boxes.to(images), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
