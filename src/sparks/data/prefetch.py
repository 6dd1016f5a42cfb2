"""Load the next batch of data while the current one is computed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Chunk = TypeVar("Chunk")
Loaded = TypeVar("Loaded")


def prefetch(
    load: Callable[[Chunk], Loaded], chunks: Sequence[Chunk]
) -> Iterator[tuple[Chunk, Loaded]]:
    """Yield every chunk with what `load` makes of it; the next one is loaded in a thread."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(load, chunks[0])
        for chunk, following in zip(chunks, (*chunks[1:], None), strict=True):
            loaded = coming.result()
            if following is not None:
                coming = pool.submit(load, following)
            yield chunk, loaded
