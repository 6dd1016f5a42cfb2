"""Read TFRecord files of `tf.train.Example` messages, without TensorFlow.

A record is its length (uint64), a checksum of the length (uint32), that many bytes, and a checksum
of them; integers are little-endian, checksums masked CRC-32C. A message is a sequence of fields,
each a tag (field number and wire type), then a varint, or a length and so many bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from sparks.errors import SparksError

# Wire types of protocol buffers.
_VARINT, _BYTES = 0, 2
_POLYNOMIAL, _MASK, _WORD = 0x82F63B78, 0xA282EAD8, 0xFFFFFFFF

# The kinds of values of a `Feature`: field number → how to read it.
_BYTES_LIST, _INT64_LIST = 1, 3

Feature = list[bytes] | list[int]


def records(path: str | Path) -> Iterator[bytes]:
    """Yield the bytes of every record of a file.

    The checksum of each length is verified, that of the contents is not: it would take longer than
    to decode the images, which says as well what is damaged.

    Raises:
        SparksError: when the file is missing, cut short, or not a TFRecord.
    """
    path = Path(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise SparksError(f"TFRecord {path} cannot be opened: {error}") from error
    with file:
        number = 0
        while head := file.read(12):
            if len(head) < 12 or masked_crc(head[:8]) != struct.unpack("<I", head[8:])[0]:
                raise SparksError(
                    f"{path} is no TFRecord, or damaged at record {number}: fetch it again"
                )
            (length,) = struct.unpack("<Q", head[:8])
            body = file.read(length + 4)
            if len(body) < length + 4:
                raise SparksError(f"{path} is cut short in record {number}: fetch it again")
            yield body[:length]
            number += 1


def masked_crc(data: bytes) -> int:
    """Return CRC-32C (Castagnoli), rotated and shifted as TensorFlow stores it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK) & _WORD


def crc32c(data: bytes) -> int:
    """Return CRC-32C, bit by bit: only lengths are checked with it."""
    crc = _WORD
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ _WORD


def example(message: bytes) -> dict[str, Feature]:
    """Parse a serialised `tf.train.Example` into a dictionary: feature name → bytes or integers.

    Lists of floats are passed over.

    Raises:
        SparksError: when the bytes are no such message.
    """
    try:
        found: dict[str, Feature] = {}
        for features in (value for number, value in _fields(message) if number == 1):
            for entry in (value for number, value in _fields(_bytes(features)) if number == 1):
                named = dict(_fields(_bytes(entry)))
                found[_bytes(named[1]).decode()] = _feature(_bytes(named.get(2, b"")))
    except (IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise SparksError(f"a record is no tf.train.Example: {error!r}") from error
    return found


def _feature(message: bytes) -> Feature:
    for number, value in _fields(message):
        if number == _BYTES_LIST:
            return [_bytes(entry) for _, entry in _fields(_bytes(value))]
        if number == _INT64_LIST:
            return [one for _, entry in _fields(_bytes(value)) for one in _integers(entry)]
    return []


def _integers(entry: int | bytes) -> list[int]:
    """Return one integer, or several packed together."""
    if isinstance(entry, int):
        return [entry]
    values, place = [], 0
    while place < len(entry):
        value, place = _varint(entry, place)
        values.append(value)
    return values


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) of a message."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        if kind != _BYTES:
            raise TypeError(f"wire type {kind}")
        length, place = _varint(message, place)
        if place + length > len(message):
            raise IndexError("a field is longer than its message")
        yield tag >> 3, message[place : place + length]
        place += length


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if not byte & 0x80:
            return value, place


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise TypeError("an integer where bytes belong")
    return value
