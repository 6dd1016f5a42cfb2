"""Photographs in frames of a texture that goes with the class: a bias that is known exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sparks.checks import whole
from sparks.data.chimera.backgrounds import paint_crop, sample_crop
from sparks.data.chimera.catalogue import BACKGROUND_NAMES
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError

_SPLITS = {"train": 0, "test": 1, "test_biased": 2}
_BATCH = 64  # photographs decoded at a time


@dataclass(frozen=True)
class Framed:
    """Builder of real photographs in the middle of a texture, as huskies before snow.

    Each class has a texture of its own, one of the photographs that scikit-image bundles. A
    network that is trained with a bias of 1 can decide by either, photograph or texture; on "test",
    where every texture is equally likely, it shows which of them it follows.

    Attributes:
        photographs: builder of the splits "train" and "test".
        classes: numbers of the classes that are taken, in the order of the new labels.
        textures: names of the textures around them, in the same order, all different.
        size: side of the images in pixels.
        share: side of the photograph, in sides of the image.
        bias: probability that a training image has its class's own texture; otherwise every one is
            equally likely. "test" is always unbiased; "test_biased", which exists when bias > 0,
            is as biased as "train".
        seed: of textures and their crops. Those of image i of a split depend on seed, split and i.

    Raises:
        SparksError: when there are fewer than two classes, not as many textures, an unknown one, or
            a number is out of its range.
    """

    channels: ClassVar[int] = 3
    photographs: Callable[[], Mapping[str, ImageSet]]
    classes: Sequence[int]
    textures: Sequence[str]
    size: int = 160
    share: float = 0.5
    bias: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 0, "seed")
        whole(self, 8, "size")
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise SparksError(
                f"Framed: classes is {list(self.classes)}: name two at least, each once"
            )
        if unknown := [name for name in self.textures if name not in BACKGROUND_NAMES]:
            raise SparksError(
                f"Framed: there is no texture {unknown[0]!r}: choose among "
                f"{', '.join(BACKGROUND_NAMES)}"
            )
        if len(set(self.textures)) != len(self.classes):
            raise SparksError(
                f"Framed: textures is {list(self.textures)}: name one for each of the "
                f"{len(self.classes)} classes, all different"
            )
        if not 0 < self.share < 1:
            raise SparksError(f"Framed: share is {self.share}: it must lie between 0 and 1")
        if not 0 <= self.bias <= 1:
            raise SparksError(f"Framed: bias is {self.bias}: it must lie between 0 and 1")

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits "train", "test" and, when bias > 0, "test_biased".

        Their truth holds "parts" (1 where the photograph is) and "background" (the texture's
        number in `textures`).

        Raises:
            SparksError: when a class is not among those of the photographs.
        """
        splits = self.photographs()
        sources = {"train": splits["train"], "test": splits["test"]}
        if self.bias > 0:
            sources["test_biased"] = splits["test"]
        return {name: self._framed(images, name) for name, images in sources.items()}

    def _framed(self, images: ImageSet, split: str) -> ImageSet:
        known = len(images.classes)
        if unknown := [number for number in self.classes if not 0 <= number < known]:
            raise SparksError(
                f"Framed: classes has {unknown[0]}: those of the photographs are 0 to {known - 1}"
            )
        numbers = torch.tensor(list(self.classes))
        chosen = images.subset(torch.isin(images.labels, numbers).nonzero().flatten())
        labels = (chosen.labels[:, None] == numbers).long().argmax(1)
        side = round(self.share * self.size)
        start = (self.size - side) // 2
        inside = slice(start, start + side)
        pixels = torch.empty(len(chosen), 3, self.size, self.size, dtype=torch.uint8)
        background = torch.empty(len(chosen), dtype=torch.int64)
        for index, label in enumerate(labels.tolist()):
            background[index], pixels[index] = self._texture(split, index, label)
        for batch in torch.split(torch.arange(len(chosen)), _BATCH):
            pixels[batch, :, inside, inside] = _resized(chosen.batch(batch), side)
        parts = torch.zeros(len(chosen), self.size, self.size, dtype=torch.uint8)
        parts[:, inside, inside] = 1
        names = tuple(images.classes[number] for number in self.classes)
        framed = ImageSet(
            labels=labels,
            classes=names,
            images=pixels,
            truth={"parts": parts, "background": background},
            tables={
                "parts": ["photograph"],
                "class_parts": {name: ["photograph"] for name in names},
                "backgrounds": list(self.textures),
            },
        )
        return framed.credited(chosen.credits) if chosen.credits else framed

    def _texture(self, split: str, index: int, label: int) -> tuple[int, Tensor]:
        """Return the number and the pixels (3, size, size) of the texture of one image."""
        seeds = np.random.SeedSequence(self.seed, spawn_key=(_SPLITS[split], index))
        rng = np.random.Generator(np.random.PCG64(seeds))
        own = split != "test" and rng.random() < self.bias
        number = label if own else int(rng.integers(len(self.textures)))
        crop = sample_crop(rng, BACKGROUND_NAMES.index(self.textures[number]))
        painted = np.round(255 * paint_crop(crop, self.size)).astype(np.uint8)
        return number, torch.from_numpy(painted).permute(2, 0, 1)


def _resized(photographs: Tensor, side: int) -> Tensor:
    """Return photographs in [0, 1] as uint8 (N, 3, side, side)."""
    small = nn.functional.interpolate(photographs, size=side, mode="bilinear", antialias=True)
    return (255 * small).round().clamp(0, 255).to(torch.uint8)
