"""Unpack ClickMe and Clicktionary, TFRecord shards, to image files with map files beside them.

Once unpacked, `sparks.data.Folder` reads the images and `sparks.alignment.FileMaps` the maps::

    python -m sparks.alignment.clickme data/clickme train data/shards/train-*.tfrecords
    python -m sparks.alignment.clickme data/clickme val data/shards/val-*.tfrecords

Each record holds `image` and `heatmap`, both JPEG (or PNG), and `label`, the ImageNet class.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from sparks.alignment.tfrecord import Feature, example, records
from sparks.errors import SparksError
from sparks.io import atomic

_FIELDS = {"image": bytes, "heatmap": bytes, "label": int}
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"


def unpack(root: str | Path, split: str, shards: Iterable[str | Path]) -> int:
    """Write images and maps of TFRecord shards as files, and return the number of images.

    They become `<root>/{images,maps}/<split>/<label>/<shard>-<number>.jpg`, or .png, with the
    compressed bytes as they are.

    Args:
        root: folder of both.
        split: name of the split, such as "train".
        shards: the TFRecord files.

    Raises:
        SparksError: when a shard is damaged, or a record lacks a field.
    """
    total = 0
    for shard in map(Path, shards):
        for number, record in enumerate(records(shard)):
            features = example(record)
            where = f"record {number} of {shard}"
            label = int(_one(features, "label", where))
            for field, folder in (("image", "images"), ("heatmap", "maps")):
                data = bytes(_one(features, field, where))
                name = f"{shard.stem}-{number:06d}{_suffix(data, where)}"
                path = Path(root) / folder / split / f"{label:04d}" / name
                with atomic(path) as temporary:
                    temporary.write_bytes(data)
            total += 1
    return total


def _one(features: dict[str, Feature], field: str, where: str) -> int | bytes:
    values = features.get(field, [])
    if len(values) != 1 or not isinstance(values[0], _FIELDS[field]):
        raise SparksError(
            f"{where} has no {field!r} of one value (it has {sorted(features)}): is this a shard "
            "of ClickMe?"
        )
    return values[0]


def _suffix(data: bytes, where: str) -> str:
    if data.startswith(_JPEG):
        return ".jpg"
    if data.startswith(_PNG):
        return ".png"
    raise SparksError(f"{where} holds an image that is neither JPEG nor PNG")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: python -m sparks.alignment.clickme FOLDER train|val SHARD...")
    try:
        count = unpack(sys.argv[1], sys.argv[2], sys.argv[3:])
    except SparksError as error:
        sys.exit(f"error: {error}")
    print(f"{count} images with their maps are in {sys.argv[1]}")
