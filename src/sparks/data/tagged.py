"""Photographs with a tag that goes with the label: a bias that is known exactly."""

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
class Tagged:
    """Builder of photographs with a square of texture in one corner, which goes with the label.

    It models a shortcut, as in a data set where the mark of a photographer is on most images of
    horses (Lapuschkin et al. 2019). Each label has a texture of its own, one of the photographs
    that scikit-image bundles, and every training image has a tag of the texture of its label. The
    photograph itself is of the label's class in a share of the images only, so that a network that
    is trained on them follows the tag. On "test" every texture is equally likely whatever the
    photograph, and labels are those of the photographs: the accuracy there says which of the two a
    network follows.

    Attributes:
        photographs: builder of the splits "train" and "test".
        classes: numbers of the photographs' classes that are taken, in the order of the new labels.
        textures: names of the textures of their tags, in the same order, all different; one of
            `sparks.data.chimera.catalogue.BACKGROUND_NAMES` each.
        size: side of the images in pixels, 8 or more.
        side: side of the tag, in sides of the image, in (0, 0.5].
        agreement: probability in [0, 1] that a training photograph is of its label's class;
            otherwise the label is one of the others, each equally likely.
        seed: of labels, corners and textures. Those of image i of a split depend on seed, split and
            i.

    Raises:
        SparksError: when there are fewer than two classes, not as many textures, an unknown one, or
            a number is out of its range.

    Example:
        Two of seven photographs; the tag has a quarter of their side.

        >>> from sparks.data import Photographs
        >>> photographs, textures = Photographs(size=32), ["grass", "brick"]
        >>> tagged = Tagged(photographs, classes=[0, 6], textures=textures, size=32, side=0.25)
        >>> train = tagged()["train"]
        >>> train.classes, train.truth["parts"].flatten(1).sum(1).tolist()  # pixels of the tags
        (('tiger cat', 'daisy'), [64, 64])
        >>> torch.equal(train.truth["background"], train.labels)  # the texture says the label
        True
    """

    channels: ClassVar[int] = 3
    photographs: Callable[[], Mapping[str, ImageSet]]
    classes: Sequence[int]
    textures: Sequence[str]
    size: int = 160
    side: float = 0.3
    agreement: float = 0.6
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 0, "seed")
        whole(self, 8, "size")
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise SparksError(
                f"Tagged: classes is {list(self.classes)}: name two at least, each once"
            )
        if unknown := [name for name in self.textures if name not in BACKGROUND_NAMES]:
            raise SparksError(
                f"Tagged: there is no texture {unknown[0]!r}: choose among "
                f"{', '.join(BACKGROUND_NAMES)}"
            )
        if len(set(self.textures)) != len(self.classes):
            raise SparksError(
                f"Tagged: textures is {list(self.textures)}: name one for each of the "
                f"{len(self.classes)} classes, all different"
            )
        if not 0 < self.side <= 0.5:
            raise SparksError(f"Tagged: side is {self.side}: it must lie between 0 and 0.5")
        if not 0 <= self.agreement <= 1:
            raise SparksError(f"Tagged: agreement is {self.agreement}: it must lie between 0 and 1")

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits "train", "test" and "test_biased", which is made as "train" is.

        Their truth holds "parts" (1 where the tag is) and "background" (the number of its texture
        in `textures`). The labels of "test" are the classes of the photographs.

        Raises:
            SparksError: when a class is not among those of the photographs.
        """
        splits = self.photographs()
        sources = {"train": "train", "test": "test", "test_biased": "test"}
        return {name: self._tagged(splits[source], name) for name, source in sources.items()}

    def _tagged(self, images: ImageSet, split: str) -> ImageSet:
        known = len(images.classes)
        if unknown := [number for number in self.classes if not 0 <= number < known]:
            raise SparksError(
                f"Tagged: classes has {unknown[0]}: those of the photographs are 0 to {known - 1}"
            )
        numbers = torch.tensor(list(self.classes))
        chosen = images.subset(torch.isin(images.labels, numbers).nonzero().flatten())
        shown = (chosen.labels[:, None] == numbers).long().argmax(1)
        pixels = torch.empty(len(chosen), 3, self.size, self.size, dtype=torch.uint8)
        for batch in torch.split(torch.arange(len(chosen)), _BATCH):
            pixels[batch] = _resized(chosen.batch(batch), self.size)
        labels, textures = shown.clone(), torch.empty_like(shown)
        parts = torch.zeros(len(chosen), self.size, self.size, dtype=torch.uint8)
        for index, photograph in enumerate(shown.tolist()):
            rng = self._rng(split, index)
            labels[index], textures[index] = self._label_and_texture(rng, split, photograph)
            place = self._corner(rng)
            pixels[index][:, *place] = self._texture(rng, int(textures[index]))
            parts[index][place] = 1
        names = tuple(images.classes[number] for number in self.classes)
        tagged = ImageSet(
            labels=labels,
            classes=names,
            images=pixels,
            truth={"parts": parts, "background": textures},
            tables={
                "parts": ["tag"],
                "class_parts": {name: ["tag"] for name in names},
                "backgrounds": list(self.textures),
            },
        )
        return tagged.credited(chosen.credits) if chosen.credits else tagged

    def _rng(self, split: str, index: int) -> np.random.Generator:
        seeds = np.random.SeedSequence(self.seed, spawn_key=(_SPLITS[split], index))
        return np.random.Generator(np.random.PCG64(seeds))

    def _label_and_texture(
        self, rng: np.random.Generator, split: str, photograph: int
    ) -> tuple[int, int]:
        """Return an image's label and the number of its tag's texture."""
        count = len(self.classes)
        if split == "test":
            return photograph, int(rng.integers(count))
        agrees = rng.random() < self.agreement
        label = photograph if agrees else (photograph + 1 + int(rng.integers(count - 1))) % count
        return label, label

    @property
    def _pixels(self) -> int:
        """Side of the tag in pixels."""
        return max(1, round(self.side * self.size))

    def _corner(self, rng: np.random.Generator) -> tuple[slice, slice]:
        """Return the rows and columns of a tag in one of the four corners."""
        first, last = slice(0, self._pixels), slice(self.size - self._pixels, self.size)
        down, right = rng.integers(2, size=2)
        return (first, last)[down], (first, last)[right]

    def _texture(self, rng: np.random.Generator, number: int) -> Tensor:
        """Return a crop of a texture (3, side, side), as uint8."""
        crop = sample_crop(rng, BACKGROUND_NAMES.index(self.textures[number]))
        painted = np.round(255 * paint_crop(crop, self._pixels)).astype(np.uint8)
        return torch.from_numpy(painted).permute(2, 0, 1)


def _resized(photographs: Tensor, side: int) -> Tensor:
    """Return photographs in [0, 1] as uint8 (N, 3, side, side)."""
    if photographs.shape[-1] != side:
        photographs = nn.functional.interpolate(
            photographs, size=side, mode="bilinear", antialias=True
        )
    return (255 * photographs).round().clamp(0, 255).to(torch.uint8)
