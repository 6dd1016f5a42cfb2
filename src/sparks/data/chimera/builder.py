"""The builder of chimera: scenes whose parts, boxes, backgrounds and simulated clicks are known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparks.checks import whole
from sparks.data.chimera.catalogue import BACKGROUND_NAMES, PART_NAMES, Cast, read_cast
from sparks.data.chimera.clicks import Annotators, simulate_clicks
from sparks.data.chimera.scene import MAX_DISTRACTORS, RADIUS, Scene, paint, sample_scene
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError

_SPLITS = {"train": 0, "test": 1, "test_biased": 2}


@dataclass(frozen=True)
class Chimera:
    """Builder of synthetic scenes with known parts: RGB, 10 classes by default.

    A class is a pair of diagnostic parts among distractors, on a photograph. Image i of a split
    depends on the seed, the split and i only: more images continue the same series. Labels cycle
    through the classes, so every prefix is balanced.

    Attributes:
        n_train: number of training images.
        n_test: number of images of each test split.
        size: side in pixels.
        bias: probability that a training image stands on its class's own background; otherwise
            every background is equally likely. "test" is always unbiased; "test_biased", which
            exists when bias > 0, is as biased as "train".
        seed: of everything.
        annotators: the simulated people whose clicks come with each image.
        distractors: how many distractors an image shows at most.
        radius: least and greatest radius of a part, in sides of the image; where parts are large
            and many, they hide each other.
        classes: names of the parts of each class; empty for every pair of the diagnostic parts.
            All other parts are distractors then.
        backgrounds: names of the photographs, in the order of the classes they belong to; empty
            for all ten.

    Raises:
        SparksError: when a setting is out of its range, or a part or background is unknown.

    Example:
        >>> images = Chimera(n_train=10, n_test=10, size=32)()["test"]
        >>> images.classes[0], images.tables["class_parts"]["disc+triangle"]
        ('disc+triangle', ['striped disc', 'dotted triangle'])
        >>> list(images.truth)
        ['parts', 'boxes', 'background', 'clicks']
        >>> images.diagnostic().shape  # True on the two parts of an image's class
        torch.Size([10, 32, 32])
    """

    channels: ClassVar[int] = 3
    n_train: int
    n_test: int
    size: int = 64
    bias: float = 0.0
    seed: int = 0
    annotators: Annotators = field(default_factory=Annotators)
    distractors: int = MAX_DISTRACTORS
    radius: Sequence[float] = RADIUS
    classes: Sequence[Sequence[str]] = ()
    backgrounds: Sequence[str] = ()

    def __post_init__(self) -> None:
        whole(self, 0, "seed")
        if not 0 <= self.bias <= 1:
            raise SparksError(f"chimera: bias is {self.bias}: it must lie between 0 and 1")
        if self.size < 32:
            raise SparksError(f"chimera: size is {self.size}: parts need at least 32 pixels a side")
        most, classes = len(self.cast.distractors), len(self.cast.class_parts)
        if not 1 <= self.distractors <= most:
            raise SparksError(f"chimera: distractors is {self.distractors}: use 1 to {most}")
        if len(self.radius) != 2 or not 0 < self.radius[0] <= self.radius[1] < 0.5:
            raise SparksError(
                f"chimera: radius is {list(self.radius)}: use the least and the greatest, below 0.5"
            )
        for name in ("n_train", "n_test"):
            if getattr(self, name) < classes:
                raise SparksError(
                    f"chimera: {name} is {getattr(self, name)}, but every one of the "
                    f"{classes} classes needs an image: ask for more"
                )

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits "train", "test" and, when bias > 0, "test_biased".

        Their truth holds "parts", "boxes", "background" and the simulated "clicks".
        """
        numbers = {"train": self.n_train, "test": self.n_test}
        if self.bias > 0:
            numbers["test_biased"] = self.n_test
        return {split: self._split(split, n) for split, n in numbers.items()}

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.cast.class_parts)

    def scene(self, index: int, split: str = "test") -> Scene:
        """Return the scene of image `index` of a split: its class, background and parts."""
        bias = 0.0 if split == "test" else self.bias
        least, most = self.radius
        rng = self._rng(split, index, 0)
        label = index % len(self.cast.class_parts)
        return sample_scene(rng, label, bias, self.distractors, (least, most), self.cast)

    @cached_property
    def cast(self) -> Cast:
        """The parts of the classes, the distractors and the backgrounds."""
        return read_cast(self.classes, self.backgrounds)

    def render(self, index: int, split: str = "test", without: Collection[str] = ()) -> Tensor:
        """Paint image `index` of a split without some of its parts, all else equal.

        Args:
            index: which image.
            split: "train", "test" or "test_biased".
            without: names of parts, as in `tables["parts"]`; one that the image lacks is ignored.

        Returns:
            uint8 (3, size, size); with no part left out, the very image of the split.

        Raises:
            SparksError: when there is no such part or split.
        """
        if split not in _SPLITS:
            raise SparksError(f"chimera has no split {split!r}: choose among {', '.join(_SPLITS)}")
        if unknown := set(without) - set(PART_NAMES):
            raise SparksError(
                f"chimera has no part {min(unknown)!r}: choose among {', '.join(PART_NAMES)}"
            )
        left_out = {PART_NAMES.index(name) for name in without}
        return torch.from_numpy(paint(self.scene(index, split), self.size, left_out)[0].copy())

    def _rng(self, split: str, index: int, stream: int) -> np.random.Generator:
        seed = np.random.SeedSequence(self.seed, spawn_key=(_SPLITS[split], index, stream))
        return np.random.Generator(np.random.PCG64(seed))

    def _split(self, split: str, n: int) -> ImageSet:
        people, size = self.annotators, self.size
        images = np.empty((n, 3, size, size), np.uint8)
        parts = np.empty((n, size, size), np.uint8)
        boxes = np.empty((n, 4), np.int16)
        clicks = np.empty((n, people.number, people.clicks, 2), np.float32)
        labels, background = np.empty(n, np.int64), np.empty(n, np.int64)
        for i in range(n):
            scene = self.scene(i, split)
            labels[i], background[i] = scene.label, scene.crop.background
            images[i], parts[i] = paint(scene, size)
            diagnostic = self.cast.class_parts[scene.label]
            boxes[i] = _box(parts[i], diagnostic)
            clicks[i] = simulate_clicks(self._rng(split, i, 1), parts[i], diagnostic, people)
        truth = {"parts": parts, "boxes": boxes, "background": background, "clicks": clicks}
        return ImageSet(
            labels=torch.from_numpy(labels),
            classes=self.cast.names(),
            images=torch.from_numpy(images),
            truth={name: torch.from_numpy(array) for name, array in truth.items()},
            tables=self._tables(),
        )

    def _tables(self) -> dict[str, object]:
        cast = self.cast
        return {
            "parts": list(PART_NAMES),
            "class_parts": {
                name: [PART_NAMES[part] for part in parts]
                for name, parts in zip(cast.names(), cast.class_parts, strict=True)
            },
            "distractors": [PART_NAMES[part] for part in cast.distractors],
            "backgrounds": list(BACKGROUND_NAMES),
            "class_background": {
                name: BACKGROUND_NAMES[cast.own_background(label)]
                for label, name in enumerate(cast.names())
            },
            "human_maps": "simulated",
        }


def _box(parts: NDArray[np.uint8], wanted: Sequence[int]) -> tuple[int, int, int, int]:
    """Return the tight box x0, y0, x1, y1 (the last two exclusive) around the parts `wanted`."""
    diagnostic = np.isin(parts, [part + 1 for part in wanted])
    rows, columns = np.flatnonzero(diagnostic.any(1)), np.flatnonzero(diagnostic.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
