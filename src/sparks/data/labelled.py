"""Protocol of a data set for training, prediction and splits, whatever its inputs are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, Self

from torch import Tensor


class Labelled(Protocol):
    """A set of N inputs with labels: `ImageSet` or `TextSet`."""

    @property
    def labels(self) -> Tensor:
        """Numbers of the classes, int64 (N,)."""

    @property
    def in_memory(self) -> bool:
        """True if a batch costs no reading of files."""

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor | Sequence[int] | slice) -> Tensor:
        """Return the inputs of a model (B, ...) at `indices`."""

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all inputs in order, with their labels."""

    def subset(self, indices: Tensor | Sequence[int] | slice) -> Self:
        """Return the inputs at `indices`, in that order."""

    def content(self) -> Mapping[str, Tensor]:
        """Return the tensors that determine every batch, for a digest."""
