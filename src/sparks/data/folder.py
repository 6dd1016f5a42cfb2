"""Images of the user's own: a folder with one sub-folder a class."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from math import inf
from pathlib import Path

import torch

from sparks.checks import between, whole
from sparks.data.imageset import ImageSet, require_every_class
from sparks.data.listing import images as listed
from sparks.data.listing import layout, subfolders
from sparks.data.splits import stratified_split, stratified_subset
from sparks.errors import SparksError
from sparks.progress import progress


class FolderWarning(UserWarning):
    """Part of a folder is not used."""


@dataclass(frozen=True)
class Folder:
    """Builder of a data set from the user's folder of images.

    The images lie as root/CLASS/image, or as root/train/CLASS/image with a held-out split, such as
    root/test/CLASS/image, beside it. Names of splits are `sparks.data.listing.TRAIN` and
    `HELD_OUT`, in any case; of several held-out splits the first one in that order is used. Without
    one, `test_share` of every class is held out. Images in the folder itself are one class. Of a
    single class nothing can be learnt, so without split folders both splits hold all of its images.
    The images stay files.

    Hidden files and what programs leave behind are passed over in silence; formats that are not
    read, and whatever else is not used, with a `FolderWarning`.

    Attributes:
        root: the folder.
        size: side in pixels to which the images are resized and cropped.
        num_classes: how many classes the folder must have; None takes what there is.
        test_share: share of every class that is held out where there are no split folders, in
            (0, 1).
        n_train: at most so many training images, classes in their proportions; None for all.
        n_test: the same for the test images.
        seed: of the split and of the choice.
        white: the value of white in images of more than 8 bits a channel; None for the whole range
            of 16 bits (see `sparks.data.decoding.upright_rgb`).
        check: whether all chosen images are decoded once, so that one that cannot be used is
            refused before anything is trained.

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        >>> with TemporaryDirectory() as folder:
        ...     for number in range(10):
        ...         write(Path(folder, ("cat", "dog")[number % 2], f"{number}.png"))
        ...     splits = Folder(folder, size=16)()
        ...     x = splits["train"].batch([0])  # decoded now
        >>> splits["train"].classes, len(splits["train"]), len(splits["test"])
        (('cat', 'dog'), 8, 2)
        >>> x.shape
        torch.Size([1, 3, 16, 16])
    """

    root: str
    size: int = 224
    num_classes: int | None = None
    test_share: float = 0.2
    n_train: int | None = None
    n_test: int | None = None
    seed: int = 0
    white: float | None = None
    check: bool = True

    def __post_init__(self) -> None:
        whole(self, 1, "size")
        if self.num_classes is not None:
            whole(self, 1, "num_classes")
        if self.n_train is not None:
            whole(self, 1, "n_train")
        if self.n_test is not None:
            whole(self, 1, "n_test")
        if self.white is not None:
            between(self, 0, inf, "white")  # black is 0
        between(self, 0, 1, "test_share")
        whole(self, 0, "seed")

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits "train" and "test".

        Raises:
            SparksError: when the folder is missing or can be read in more than one way, a class has
                no image, the classes are not those expected, or an image cannot be used.
        """
        root, splits = Path(self.root).expanduser(), self._splits()
        wanted = {"train": self.n_train, "test": self.n_test}
        chosen = {
            split: require_every_class(
                stratified_subset(images, wanted[split], self.seed), f"{root}, {split}"
            )
            for split, images in splits.items()
        }
        if self.check:
            for split, images in chosen.items():
                _decode_all(images, f"check {split} images")
        return chosen

    def require(self) -> None:
        """Look whether there are images of each class, without reading them.

        Raises:
            SparksError: as building does, but for images that cannot be used.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FolderWarning)  # building says it
            self._splits()

    def _splits(self) -> dict[str, ImageSet]:
        """Return all images of both splits."""
        found = layout(Path(self.root).expanduser())
        _warn(found.notes)
        train = self._list(found.train, found.folders)
        if found.test is not None:
            splits = {"train": train, "test": self._list(found.test, tuple(subfolders(found.test)))}
        elif len(train.classes) == 1:
            splits = {"train": train, "test": train}
        else:
            splits = stratified_split(train, self.test_share, self.seed)
        self._check_classes(splits)
        return splits

    def _list(self, folder: Path, classes: tuple[str, ...]) -> ImageSet:
        """Return all images below `folder`, by class."""
        listing = listed(folder, classes)
        _warn(listing.notes)
        counts = torch.tensor([len(files) for files in listing.images.values()])
        return ImageSet(
            labels=torch.arange(len(counts)).repeat_interleave(counts),
            classes=tuple(listing.images),
            files=tuple(file for files in listing.images.values() for file in files),
            root=os.path.abspath(folder),
            size=self.size,
            white=self.white,
        )

    def _check_classes(self, splits: dict[str, ImageSet]) -> None:
        train, test = splits["train"].classes, splits["test"].classes
        if train != test:
            odd = min(set(train) ^ set(test))
            raise SparksError(
                f"image folder {self.root}: class {odd!r} is in one of train and test only: "
                "both need the same class folders"
            )
        if self.num_classes not in (None, len(train)):
            names = ", ".join(train[:10]) + (", …" if len(train) > 10 else "")
            raise SparksError(
                f"image folder {self.root} has {len(train)} classes ({names}) but num_classes is "
                f"{self.num_classes}: take away the folders that are no class, or set it to null"
            )


def _warn(notes: tuple[str, ...]) -> None:
    for note in notes:
        warnings.warn(note, FolderWarning, stacklevel=4)


def _decode_all(images: ImageSet, description: str) -> None:
    for _ in progress(images.batches(64), total=-(-len(images) // 64), description=description):
        pass
