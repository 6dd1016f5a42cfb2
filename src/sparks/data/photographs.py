"""Photographs that are installed with the project's own dependencies: no download is needed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch

from sparks.checks import whole
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError


class Photograph(NamedTuple):
    """A photograph inside another package.

    Attributes:
        package: that it is installed with.
        file: below the package's folder.
        label: number of the ImageNet class that it shows, counted from 0.
        shows: name of that class.
        credit: photographer and licence, as the package states them.
    """

    package: str
    file: str
    label: int
    shows: str
    credit: str

    @property
    def path(self) -> Path:
        """Path of the photograph, whether or not it exists."""
        return Path(_folder(self.package)) / self.file


PHOTOGRAPHS = (
    Photograph("skimage", "data/chelsea.png", 282, "tiger cat", "Stefan van der Walt, CC0"),
    Photograph("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", 400, "academic gown",
               "U.S. Navy, public domain"),
    Photograph("skimage", "data/rocket.jpg", 657, "missile", "SpaceX, public domain"),
    Photograph("sklearn", "datasets/images/china.jpg", 698, "palace",
               "danielbuechele, CC BY 2.0"),
    Photograph("skimage", "data/camera.png", 872, "tripod", "Lav Varshney, CC0"),
    Photograph("skimage", "data/coffee.png", 967, "espresso", "Rachel Michetti, CC0"),
    Photograph("sklearn", "datasets/images/flower.jpg", 985, "daisy", "vultilion, CC BY 2.0"),
)  # fmt: skip


@dataclass(frozen=True)
class Photographs:
    """Builder of seven photographs, one of each of seven ImageNet classes.

    They come with scikit-image, scikit-learn and matplotlib. Nothing can be trained on them: the
    splits "train" and "test" are the same images. `tables["imagenet_labels"]` gives the number of
    each class in ImageNet, `tables["credits"]` the photographers and licences.

    Attributes:
        size: side in pixels to which the images are resized and cropped; below 160 a network
            no longer recognises some of them.

    Raises:
        SparksError: when `size` is not positive.

    Example:
        >>> images = Photographs(size=32)()["test"]
        >>> images.classes[0], images.tables["imagenet_labels"][0], images.credits[0]
        ('tiger cat', 282, 'Stefan van der Walt, CC0')
        >>> images.batch([0]).shape
        torch.Size([1, 3, 32, 32])
    """

    channels: ClassVar[int] = 3
    num_classes: ClassVar[int] = len(PHOTOGRAPHS)
    size: int = 224

    def __post_init__(self) -> None:
        whole(self, 1, "size")

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits.

        Raises:
            SparksError: when a package comes without its photograph.
        """
        root = Path(_folder("sklearn")).parent
        files = tuple(str(photograph.path) for photograph in PHOTOGRAPHS)
        if missing := [file for file in files if not Path(file).is_file()]:
            raise SparksError(
                f"the photograph {missing[0]} is not installed: make the environment again, as "
                "README.md says, or choose another data set"
            )
        images = ImageSet(
            labels=torch.arange(len(PHOTOGRAPHS)),
            classes=tuple(photograph.shows for photograph in PHOTOGRAPHS),
            files=files,
            root=str(root),
            size=self.size,
            tables={
                "imagenet_labels": [photograph.label for photograph in PHOTOGRAPHS],
                "credits": [photograph.credit for photograph in PHOTOGRAPHS],
            },
        ).materialise()  # paths of an environment have no place in an artifact
        return {"train": images, "test": images}


def _folder(package: str) -> str:
    """Return the folder of a package, without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SparksError(f"the package {package} is not installed: make the environment again")
    return str(Path(spec.origin).parent)
