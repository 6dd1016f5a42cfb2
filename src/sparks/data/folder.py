"""Anyone's images: a folder with one sub-folder a class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sparks.checks import between, whole
from sparks.data.imageset import ImageSet, require_every_class
from sparks.data.splits import stratified_split, stratified_subset
from sparks.data.torchvision_sets import from_files
from sparks.errors import SparksError


@dataclass(frozen=True)
class Folder:
    """Builder of root/class/image, or root/train/class/image with root/val or root/test beside it.

    Without split folders, `test_share` of every class is held out. The images stay files.

    Attributes:
        root: the folder.
        size: side in pixels to which the images are resized and cropped.
        num_classes: how many classes the folder must have; None takes what there is.
        test_share: share of every class that is held out where there are no split folders.
        n_train: at most so many training images, classes in their proportions; None for all.
        n_test: the same for the test images.
        seed: of the split and of the choice.
    """

    root: str
    size: int = 224
    num_classes: int | None = None
    test_share: float = 0.2
    n_train: int | None = None
    n_test: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "size")
        if self.num_classes is not None:
            whole(self, 1, "num_classes")
        if self.n_train is not None:
            whole(self, 1, "n_train")
        if self.n_test is not None:
            whole(self, 1, "n_test")
        between(self, 0, 1, "test_share")
        whole(self, 0, "seed")

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits "train" and "test".

        Raises:
            SparksError: when the folder is missing, a class has no image, or the classes are not
                those expected.
        """
        root = Path(self.root).expanduser()
        if not root.is_dir():
            raise SparksError(
                f"image folder {root} does not exist: make it with one sub-folder of images per "
                "class, or name another"
            )
        held_out = next((root / name for name in ("test", "val") if (root / name).is_dir()), None)
        if held_out is not None and (root / "train").is_dir():
            splits = {"train": self._list(root / "train"), "test": self._list(held_out)}
        else:
            splits = stratified_split(self._list(root), self.test_share, self.seed)
        self._check_classes(splits)
        wanted = {"train": self.n_train, "test": self.n_test}
        return {
            split: require_every_class(
                stratified_subset(images, wanted[split], self.seed), f"{root}, {split}"
            )
            for split, images in splits.items()
        }

    def _list(self, folder: Path) -> ImageSet:
        """All images below `folder`, by class."""
        from torchvision.datasets import ImageFolder

        try:
            dataset = ImageFolder(str(folder))
        except FileNotFoundError as error:  # no class folder, or a class without an image
            reason = str(error).splitlines()[0].rstrip(". ")
            raise SparksError(
                f"image folder {folder}: {reason}. Add images or remove the class"
            ) from error
        return from_files(dataset.samples, str(folder), dataset.classes, self.size)

    def _check_classes(self, splits: dict[str, ImageSet]) -> None:
        train, test = splits["train"].classes, splits["test"].classes
        if train != test:
            odd = min(set(train) ^ set(test))
            raise SparksError(
                f"image folder {self.root}: class {odd!r} is in one of train and test only: "
                "both need the same class folders"
            )
        if len(train) < 2:
            raise SparksError(
                f"image folder {self.root} has one class only ({train[0]!r}): make at least two "
                "sub-folders, one a class"
            )
        if self.num_classes not in (None, len(train)):
            raise SparksError(
                f"image folder {self.root} has {len(train)} classes but num_classes is "
                f"{self.num_classes}: set it to {len(train)}"
            )
