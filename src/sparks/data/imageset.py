"""A labelled set of images, in memory or as files decoded on access, and what is known of it.

Shapes: N images, C channels, H × W pixels. Images in memory are uint8, a batch float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from sparks.data.decoding import decode
from sparks.data.prefetch import prefetch
from sparks.data.stored import Stored
from sparks.errors import SparksError

_TRUTH = "truth."


@dataclass(frozen=True, eq=False)
class ImageSet(Stored):
    """Images, labels and, where known, the truth about every image.

    Attributes:
        labels: int64 (N,), indices into `classes`.
        classes: names, all different.
        images: uint8 (N, C, H, W), or None where the images are files.
        files: paths below `root`, one an image, or None where the images are in memory.
        root: folder of `files`.
        size: side in pixels to which files are resized and cropped.
        white: the value of white in files of more than 8 bits a channel, None for the whole range
            of 16 bits (see `sparks.data.decoding.upright_rgb`).
        truth: name → tensor whose first axis is N. "parts": uint8 (N, H, W), 0 where there is no
            part and p + 1 where part p of `tables["parts"]` is seen; "boxes": int16 (N, 4), x0, y0,
            x1, y1, the last two exclusive; "objects": int16 (N, M, 4), such boxes around the up to
            M objects of the image's class, rows of 0 where there are fewer; "background": int64
            (N,); "clicks": float32 (N, annotators, clicks, 2), x and y in pixels; "marks": float32
            (N, people, marks, 6), clicks, fixations or ellipses (see `sparks.data.human`);
            "credits": uint8 (N, width), UTF-8 text padded with zeros, which `credits` reads.
        tables: facts about the whole set that JSON can hold. "parts": names of the parts;
            "class_parts": class → names of its diagnostic parts.

    Raises:
        SparksError: when the fields contradict each other.

    Example:
        Three grey images of 2 × 2 pixels: black, grey and white.

        >>> pixels = torch.tensor([0, 51, 255], dtype=torch.uint8)
        >>> pixels = pixels.view(3, 1, 1, 1).repeat(1, 1, 2, 2)
        >>> images = ImageSet(torch.tensor([0, 0, 1]), ("dark", "bright"), pixels)
        >>> x = images.batch([1, 2])  # float32 (2, 1, 2, 2) in [0, 1]
        >>> [round(value, 2) for value in x[:, 0, 0, 0].tolist()]
        [0.2, 1.0]
        >>> dark = images.subset((images.labels == 0).nonzero().flatten())  # numbers of images
        >>> len(images), len(dark)
        (3, 2)
    """

    _key: ClassVar[str] = "imageset"
    _kind: ClassVar[str] = "image set: name a file made by the data step"

    labels: Tensor
    classes: tuple[str, ...]
    images: Tensor | None = None
    files: tuple[str, ...] | None = None
    root: str | None = None
    size: int | None = None
    truth: Mapping[str, Tensor] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    white: float | None = None

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def channels(self) -> int:
        """Number of colour channels; files are decoded to RGB."""
        return 3 if self.images is None else self.images.shape[1]

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        return int((self.size or 0) if self.images is None else self.images.shape[-1])

    @property
    def in_memory(self) -> bool:
        """True if a batch costs no reading of files."""
        return self.images is not None

    @property
    def credits(self) -> tuple[str, ...]:
        """Photographer and licence of each image, or nothing where the data set names none."""
        if "credits" in self.truth:
            return _unpack(self.truth["credits"])
        of_classes = self.tables.get("credits", ())
        return tuple(of_classes[label] for label in self.labels.tolist()) if of_classes else ()

    def credited(self, credits: Sequence[str]) -> ImageSet:
        """Return the same set with the photographer and licence of each image.

        Raises:
            SparksError: when they are not as many as the images.
        """
        return replace(self, truth={**self.truth, "credits": _pack(credits)})

    def batch(self, indices: Tensor | Sequence[int] | slice) -> Tensor:
        """Return images as float32 in [0, 1], shape (B, C, H, W).

        Args:
            indices: numbers of images (B,), a slice, or a mask, bool (N,).

        Raises:
            SparksError: when a file is missing or no intact image; the message names it.
        """
        return self._pixels(_as_index(indices, len(self))).float() / 255

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all images in order, with their labels: ((B, C, H, W) in [0, 1], int64 (B,)).

        Where images are files, the next batch is decoded in threads while one is computed on.
        """
        chunks = torch.split(torch.arange(len(self)), batch_size)
        if self.in_memory:
            yield from ((self.batch(chunk), self.labels[chunk]) for chunk in chunks)
            return
        for chunk, images in prefetch(self.batch, chunks):
            yield images, self.labels[chunk]

    def subset(self, indices: Tensor | Sequence[int] | slice) -> ImageSet:
        """Return the images at `indices`, in that order, with their ground truth.

        Args:
            indices: numbers of images (B,), a slice, or a mask, bool (N,).
        """
        index = _as_index(indices, len(self))
        return replace(
            self,
            labels=self.labels[index],
            images=None if self.images is None else self.images[index],
            files=None if self.files is None else tuple(self.files[i] for i in index.tolist()),
            truth={name: tensor[index] for name, tensor in self.truth.items()},
        )

    def materialise(self) -> ImageSet:
        """Return the same set with every file decoded into memory.

        Raises:
            SparksError: when a file is missing or no intact image.
        """
        if self.images is not None:
            return self
        pixels = self._pixels(torch.arange(len(self)))
        return replace(self, images=pixels, files=None, root=None, size=None, white=None)

    def diagnostic(self) -> Tensor | None:
        """Mark the pixels that decide the class of each image: bool (N, H, W).

        These lie in the boxes around the objects of the class, or else on its diagnostic parts; the
        result is None where neither is known.
        """
        if "objects" in self.truth:
            return _inside(self.truth["objects"], self.side)
        parts: Tensor | None = self.truth.get("parts")
        if parts is None or not {"parts", "class_parts"} <= set(self.tables):
            return None
        names = list(self.tables["parts"])
        is_diagnostic = torch.zeros(len(self.classes), len(names) + 1, dtype=torch.bool)
        for label, name in enumerate(self.classes):
            for part in self.tables["class_parts"][name]:
                is_diagnostic[label, names.index(part) + 1] = True
        return is_diagnostic[self.labels[:, None, None], parts.long()]

    def content(self) -> Mapping[str, Tensor]:
        """Return the tensors that determine every batch, by name, for a digest."""
        if self.images is not None:
            return {"labels": self.labels, "images": self.images}
        where = [str(self.root), str(self.size), *(self.files or ())]
        where += [] if self.white is None else [f"white {self.white}"]
        return {"labels": self.labels, "files": _pack(where)}

    def _parts(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {"labels": self.labels}
        tensors |= {_TRUTH + name: tensor for name, tensor in self.truth.items()}
        if self.images is not None:
            tensors["images"] = self.images
        if self.files is not None:
            tensors["files"] = _pack(self.files)
        return tensors, {
            "classes": list(self.classes),
            "root": self.root,
            "size": self.size,
            "tables": dict(self.tables),
            "white": self.white,
        }

    @classmethod
    def _of_parts(cls, tensors: dict[str, Tensor], described: dict[str, Any]) -> ImageSet:
        truth = {
            name.removeprefix(_TRUTH): tensor
            for name, tensor in tensors.items()
            if name.startswith(_TRUTH)
        }
        return cls(
            labels=tensors["labels"],
            classes=tuple(described["classes"]),
            images=tensors.get("images"),
            files=_unpack(tensors["files"]) if "files" in tensors else None,
            root=described["root"],
            size=described["size"],
            truth=truth,
            tables=described["tables"],
            white=described.get("white"),
        )

    def _pixels(self, index: Tensor) -> Tensor:
        """Return images at `index` as uint8 (B, C, H, W)."""
        if self.images is not None:
            return self.images[index]
        assert self.files is not None
        assert self.root is not None
        assert self.size is not None
        size, root, files, white = self.size, Path(self.root), self.files, self.white
        if len(index) == 0:
            return torch.empty(0, 3, size, size, dtype=torch.uint8)
        with ThreadPoolExecutor() as pool:  # PIL decodes without holding the interpreter
            decoded = pool.map(lambda i: decode(root / files[i], size, white), index.tolist())
            return torch.stack(list(decoded))


def require_every_class(images: ImageSet, name: str) -> ImageSet:
    """Return `images` if every class has an image.

    Raises:
        SparksError: naming the first class without an image.
    """
    counts = torch.bincount(images.labels, minlength=len(images.classes))
    if empty := [images.classes[i] for i in (counts == 0).nonzero().flatten().tolist()]:
        raise SparksError(
            f"{name}: class {empty[0]!r} has no image ({len(empty)} of {len(images.classes)} "
            "classes are empty): add images, remove the class, or ask for more images"
        )
    return images


def _check(images: ImageSet) -> None:
    """Refuse fields that contradict each other."""
    n = len(images.labels)
    if images.labels.ndim != 1 or images.labels.dtype != torch.int64:
        raise SparksError("an image set needs int64 labels of shape (N,)")
    if len(set(images.classes)) != len(images.classes):
        raise SparksError("an image set needs class names that differ from each other")
    if n and not 0 <= int(images.labels.min()) <= int(images.labels.max()) < len(images.classes):
        raise SparksError(f"an image set of {len(images.classes)} classes has a label outside them")
    if (images.images is None) == (images.files is None):
        raise SparksError("an image set holds either images or files")
    if images.images is not None and (images.images.dtype, images.images.ndim) != (torch.uint8, 4):
        raise SparksError(
            f"images in memory are uint8 of shape (N, C, H, W), not {images.images.dtype} of shape "
            f"{tuple(images.images.shape)}: (x * 255).round().byte() makes them of floats in [0, 1]"
        )
    if images.files is not None and (images.root is None or images.size is None):
        raise SparksError("an image set made of files needs their root folder and a size in pixels")
    sizes = {name: len(tensor) for name, tensor in images.truth.items()}
    sizes["images"] = len(images.files if images.images is None else images.images)  # type: ignore[arg-type]
    if wrong := {name: size for name, size in sizes.items() if size != n}:
        raise SparksError(f"an image set has {n} labels but {wrong}: they must be as many")


def _inside(boxes: Tensor, size: int) -> Tensor:
    """Mark the pixels that lie in any of the boxes (N, M, 4) of an image: bool (N, size, size)."""
    at = torch.arange(size)
    x0, y0, x1, y1 = (side[..., None] for side in boxes.unbind(-1))
    across, down = (at >= x0) & (at < x1), (at >= y0) & (at < y1)  # (N, M, size)
    pairs = zip(down, across, strict=True)
    return torch.stack([(d[:, :, None] & a[:, None, :]).any(0) for d, a in pairs])


def _as_index(indices: Tensor | Sequence[int] | slice, n: int) -> Tensor:
    """Return numbers of images, int64 (B,).

    Raises:
        SparksError: when a mask has another length than the set.
    """
    if isinstance(indices, slice):
        return torch.arange(n)[indices]
    index = torch.as_tensor(indices)
    if index.dtype != torch.bool:
        return index.to(torch.int64)
    if index.shape != (n,):
        raise SparksError(
            f"a mask of shape {tuple(index.shape)} chooses among {n} images: give it a value each"
        )
    return index.nonzero().flatten()


def _pack(names: Sequence[str]) -> Tensor:
    """Return the strings as the rows of a uint8 matrix of UTF-8, padded with zeros.

    Names of files need not be UTF-8: Python's escapes of other bytes become these bytes again.
    """
    encoded = [name.encode("utf-8", "surrogateescape") for name in names]
    width = max(map(len, encoded), default=0)
    joined = bytearray(b"".join(name.ljust(width, b"\0") for name in encoded))
    if not joined:
        return torch.zeros(len(encoded), width, dtype=torch.uint8)
    return torch.frombuffer(joined, dtype=torch.uint8).reshape(len(encoded), width)


def _unpack(rows: Tensor) -> tuple[str, ...]:
    return tuple(
        bytes(row).rstrip(b"\0").decode("utf-8", "surrogateescape") for row in rows.numpy()
    )
