"""Activations that never lie in memory all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.concepts.dictionary import check_values
from sparks.concepts.layer import Layer
from sparks.errors import SparksError
from sparks.short_repr import short_repr


@dataclass(frozen=True, repr=False)
class Stream:
    """Activations that are made again in each epoch, batch by batch.

    A dictionary that is trained on a stream (`SAE.fit`) holds one batch of it and a sample at a
    time, however many images there are.

    Attributes:
        batches: number of an epoch → its batches (b, p), float. An epoch is in an order of its own
            if the function shuffles.

    Example:
        >>> stream = Stream(lambda epoch: torch.split(activations, 20))
        >>> [len(batch) for batch in stream(0)]
        [20, 20, 20]
    """

    batches: Callable[[int], Iterable[Tensor]]
    __repr__ = short_repr

    @classmethod
    def of(
        cls, layer: Layer, images: Callable[[], Iterable[Tensor]], places: int | None = None
    ) -> Stream:
        """Return the activations of a layer for images that a loader gives.

        Args:
            layer: where a network is cut.
            images: gives the batches (N, C, H, W) of an epoch, such as
                `lambda: (x for x, _ in loader)` of PyTorch's `DataLoader`.
            places: of each image, drawn at random in each epoch; None for all of them.

        Raises:
            SparksError: when `places` is below 1.
        """
        if places is not None and places < 1:
            raise SparksError(f"Stream: places={places} of each image: draw 1 or more")

        def batches(epoch: int) -> Iterator[Tensor]:
            generator = torch.Generator().manual_seed(epoch)
            for x in images():
                a = layer.activations(x)
                if places is not None and places < a.shape[1]:
                    drawn = torch.rand(a.shape[:2], generator=generator).argsort(1)[:, :places]
                    a = a.gather(1, drawn[:, :, None].expand(-1, -1, a.shape[2]))
                yield a.flatten(0, 1)

        return cls(batches)

    def __call__(self, epoch: int) -> Iterator[Tensor]:
        """Yield the batches of an epoch as float32, detached.

        Raises:
            SparksError: when a batch is not (b, p) or holds NaN or infinite values.
        """
        for batch in self.batches(epoch):
            yield check_values(batch)

    def sample(self, rows: int) -> Tensor:
        """Return the first activations of the first epoch, `rows` at most.

        Raises:
            SparksError: when there is none.
        """
        taken: list[Tensor] = []
        missing = rows
        for batch in self(0):
            taken.append(batch[:missing])
            missing -= len(taken[-1])
            if missing <= 0:
                break
        if not taken:
            raise SparksError("Stream: it gives no batch: look at the loader of its images")
        return torch.cat(taken)
