"""IDX files, in which MNIST is published: bytes of any number of axes, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import torch


def read_idx(path: Path, axes: int) -> torch.Tensor:
    """Read an IDX file of bytes, plain or gzipped: uint8, with so many axes.

    Raises:
        ValueError: when it is none, or is cut short.
        OSError: when it cannot be read, or its compression is damaged.
    """
    shape, header = idx_shape(path, axes), 4 * (1 + axes)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except zlib.error as error:
        raise OSError(f"{path.name} is damaged: {error}") from error
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header).view(shape)


def idx_shape(path: Path, axes: int) -> tuple[int, ...]:
    """Read the shape in the head of an IDX file, and compare it with the file's size.

    Raises:
        ValueError, OSError: as `read_idx`, but for damage that keeps the size.
    """
    header, packed = 4 * (1 + axes), path.suffix == ".gz"
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if packed and size >= 4:  # gzip writes the size of its content at the end
            file.seek(-4, os.SEEK_END)
            size = int.from_bytes(file.read(4), "little")
        file.seek(0)
        try:
            head = gzip.GzipFile(fileobj=file).read(header) if packed else file.read(header)
        except zlib.error as error:
            raise OSError(f"{path.name} is damaged: {error}") from error
    if len(head) < header or head[:4] != bytes([0, 0, 8, axes]):
        raise ValueError(f"{path.name} is no IDX file of bytes with {axes} axes")
    shape = struct.unpack(f">{axes}I", head[4:])
    if size - header != math.prod(shape):
        raise ValueError(f"{path.name} is cut short: {size - header} values, its head says {shape}")
    return shape
