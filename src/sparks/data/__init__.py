"""Data sets behind one interface: images in [0, 1], labels and, where known, the truth.

The truth is what is known of an image besides its label: which pixels show the object, where people
clicked (see `ImageSet`). Every builder is a frozen dataclass. Calling it returns its splits,
`{"train": ImageSet, "test": ImageSet}`, or `TextSet`s. Of builders that read files, `require()`
raises an error that says which are missing and where they come from, and `download()` fetches them,
where that is possible. Names are imported on first use, so that `import sparks.data` costs nothing.

Builders of public data sets (CIFAR10, COCO2014, EuroSAT, FashionMNIST, ImageNet, Imagenette, MNIST
and VOC2007) have in common:

    root     folder that files are read from and downloaded to
    n_train  number of training images at most, classes in their proportions; None for all
    n_test   the same for the test images
    seed     of the choice of images, and of the split where the set has none of its own

Examples that read files write them first, into a temporary folder:

    >>> import os
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from PIL import Image
    >>> def write(path, *lines):  # of text; a white image without any
    ...     path.parent.mkdir(parents=True, exist_ok=True)
    ...     if lines:
    ...         path.write_text(os.linesep.join(lines))
    ...     else:
    ...         Image.new("RGB", (32, 32), "white").save(path)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.data.blocks import BlockDigits
    from sparks.data.chimera.builder import Chimera
    from sparks.data.chimera.clicks import Annotators
    from sparks.data.detection import COCO2014, VOC2007
    from sparks.data.digits import Digits
    from sparks.data.folder import Folder
    from sparks.data.human import (
        centre_map,
        human_ceiling,
        human_maps,
        marks_of,
        one_person_ceiling,
    )
    from sparks.data.imagenet import ImageNet, Imagenette
    from sparks.data.imageset import ImageSet
    from sparks.data.imdb import Imdb
    from sparks.data.marks import MarkedImages
    from sparks.data.nips2017 import Nips2017
    from sparks.data.photographs import Photographs
    from sparks.data.reviews import Reviews
    from sparks.data.tagged import Tagged
    from sparks.data.texts import TextSet
    from sparks.data.torchvision_sets import CIFAR10, MNIST, EuroSAT, FashionMNIST

_MODULES = {
    "Annotators": "chimera.clicks",
    "BlockDigits": "blocks",
    "CIFAR10": "torchvision_sets",
    "COCO2014": "detection",
    "Chimera": "chimera.builder",
    "Digits": "digits",
    "EuroSAT": "torchvision_sets",
    "FashionMNIST": "torchvision_sets",
    "Folder": "folder",
    "ImageNet": "imagenet",
    "ImageSet": "imageset",
    "Imagenette": "imagenet",
    "Imdb": "imdb",
    "MNIST": "torchvision_sets",
    "MarkedImages": "marks",
    "Nips2017": "nips2017",
    "Photographs": "photographs",
    "Reviews": "reviews",
    "Tagged": "tagged",
    "TextSet": "texts",
    "VOC2007": "detection",
    "centre_map": "human",
    "human_ceiling": "human",
    "human_maps": "human",
    "marks_of": "human",
    "one_person_ceiling": "human",
}

__all__ = [
    "CIFAR10",
    "COCO2014",
    "MNIST",
    "VOC2007",
    "Annotators",
    "BlockDigits",
    "Chimera",
    "Digits",
    "EuroSAT",
    "FashionMNIST",
    "Folder",
    "ImageNet",
    "ImageSet",
    "Imagenette",
    "Imdb",
    "MarkedImages",
    "Nips2017",
    "Photographs",
    "Reviews",
    "Tagged",
    "TextSet",
    "centre_map",
    "human_ceiling",
    "human_maps",
    "marks_of",
    "one_person_ceiling",
]


__getattr__ = on_first_use(__name__, _MODULES)
