"""Photographs with several objects in boxes, for the pointing game: VOC 2007 and COCO 2014.

The pointing game (Zhang et al., arXiv 1608.00507) asks for a map of every class that an image
shows. So each *image and class* is one row here: the same file comes once for each class in it, its
label is that class, and its truth the boxes around the objects of that class. A classifier learns
from the same rows, which makes its softmax a distribution over what is in the image.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sparks.data.decoding import placed
from sparks.data.fetch import Published, filled, unpack
from sparks.data.imageset import ImageSet
from sparks.data.torchvision_sets import TorchvisionSet, from_files
from sparks.errors import SparksError

# The publisher's server has no https; torchvision knows the digests of what this mirror serves.
VOC_MIRROR = "https://pjreddie.com/media/files"
# COCO's archives, and the folder in each.
ARCHIVES = {
    "train2014": "train2014",
    "val2014": "val2014",
    "annotations_trainval2014": "annotations",
}
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip


class Shown(NamedTuple):
    """One class in one image.

    Attributes:
        path: of the image file.
        label: number of the class.
        sides: width and height of the file in pixels.
        boxes: x0, y0, x1, y1 of each object of the class, in the file's pixels, ends exclusive.
    """

    path: str
    label: int
    sides: tuple[int, int]  # width and height of the file
    boxes: Sequence[Sequence[float]]


@dataclass(frozen=True)
class _DetectionSet(TorchvisionSet):
    """Base class of data sets with bounding boxes (VOC, COCO).

    Attributes:
        size: side in pixels to which the images are resized and cropped; what is left of the boxes
            is the truth. An image whose objects are all cropped away has none.
    """

    size: int = 224

    def _read(self) -> dict[str, ImageSet]:
        return {"train": self._split("train"), "test": self._split("test")}

    def _split(self, split: str) -> ImageSet:
        classes, rows = self._shown(split)
        images = from_files([(r.path, r.label) for r in rows], self.root, classes, self.size)
        truth = {"objects": _stacked([_on_crop(row, self.size) for row in rows])}
        return ImageSet(
            images.labels, images.classes, files=images.files, root=images.root, size=images.size,
            truth=truth,
        )  # fmt: skip

    @abstractmethod
    def _shown(self, split: str) -> tuple[Sequence[str], list[Shown]]:
        """Return the names of the classes, and a row for every class of every image of a split."""


@dataclass(frozen=True)
class VOC2007(_DetectionSet):
    """Builder of PASCAL VOC 2007, photographs of 20 classes with boxes around their objects.

    "train" is its trainval (5,011 images), "test" its test (4,952). Each class of an image is a row
    of its own; `truth["objects"]` holds the boxes of that class. Objects that the annotators called
    difficult count like the others. Everingham et al., IJCV 2010.

    Example:
        >>> voc = VOC2007(root="data", size=160)
        >>> [file.path.name for file in voc.published()]  # what voc.download() fetches
        ['VOCtrainval_06-Nov-2007.tar', 'VOCtest_06-Nov-2007.tar']
        >>> voc.num_classes  # of voc()["train"] and voc()["test"]
        20
    """

    channels = 3
    num_classes = 20
    name = "voc2007"
    folder = "VOCdevkit/VOC2007"

    def published(self) -> list[Published]:
        """Return address, place and digest of both archives."""
        from torchvision.datasets.voc import DATASET_YEAR_DICT

        archives = [DATASET_YEAR_DICT[part] for part in ("2007", "2007-test")]
        root = Path(self.root).expanduser()
        return [
            Published(f"{VOC_MIRROR}/{a['filename']}", root / a["filename"], a["md5"], "md5")
            for a in archives
        ]

    def require(self) -> None:
        """Look for the lists of images.

        Raises:
            SparksError: naming what is missing.
        """
        super().require()
        for entry in ("ImageSets/Main/trainval.txt", "ImageSets/Main/test.txt", "JPEGImages"):
            with self._reading():
                if not (self._where() / entry).exists():
                    raise FileNotFoundError(f"there is no {entry}")

    def _shown(self, split: str) -> tuple[Sequence[str], list[Shown]]:
        from torchvision.datasets import VOCDetection

        part = {"train": "trainval", "test": "test"}[split]
        dataset = VOCDetection(self.root, year="2007", image_set=part)
        files = zip(dataset.images, dataset.annotations, strict=True)
        return VOC_CLASSES, [row for paths in files for row in self._of_image(*paths)]

    @staticmethod
    def _of_image(image: str, annotation: str) -> Iterator[Shown]:
        from xml.etree.ElementTree import ParseError, parse

        from torchvision.datasets import VOCDetection

        try:
            annotations = VOCDetection.parse_voc_xml(parse(annotation).getroot())["annotation"]
        except ParseError as error:
            raise ValueError(f"{annotation}: {error}") from error
        boxes = defaultdict(list)
        for thing in annotations["object"]:
            x0, y0, x1, y1 = (float(thing["bndbox"][s]) for s in ("xmin", "ymin", "xmax", "ymax"))
            boxes[thing["name"]].append((x0 - 1, y0 - 1, x1, y1))  # its pixels are counted from 1
        sides = int(annotations["size"]["width"]), int(annotations["size"]["height"])
        if unknown := set(boxes) - set(VOC_CLASSES):
            raise ValueError(f"{annotation} has an object of class {min(unknown)!r}, not of VOC's")
        for name in sorted(boxes):
            yield Shown(image, VOC_CLASSES.index(name), sides, boxes[name])


@dataclass(frozen=True)
class COCO2014(_DetectionSet):
    """Builder of MS COCO 2014, photographs of 80 classes with boxes around their objects.

    "train" is train2014, "test" val2014 (Lin et al., arXiv 1405.0312). Each class of an image is a
    row of its own; `truth["objects"]` holds the boxes of that class. Boxes around crowds count too:
    what lies in them is of the class.

    Example:
        >>> import json
        >>> known = {
        ...     "images": [{"id": 1, "file_name": "1.jpg", "width": 32, "height": 32}],
        ...     "categories": [{"id": 17, "name": "cat"}],
        ...     "annotations": [{"image_id": 1, "category_id": 17, "bbox": [4, 8, 16, 16]}],
        ... }
        >>> with TemporaryDirectory() as folder:
        ...     for part in ("train2014", "val2014"):
        ...         write(Path(folder, "coco2014", part, "1.jpg"))
        ...         table = Path(folder, "coco2014", "annotations", f"instances_{part}.json")
        ...         write(table, json.dumps(known))
        ...     images = COCO2014(root=folder, size=32)()["test"]
        >>> images.classes, images.truth["objects"].tolist()  # x0, y0, x1, y1 of each object
        (('cat',), [[[4, 8, 20, 24]]])
    """

    channels = 3
    num_classes = 80
    name = "coco2014"
    folder = "coco2014"

    def download(self) -> None:
        """Unpack the archives put into the folder; their publisher's server has no https.

        Raises:
            SparksError: when one is missing or damaged.
        """
        for archive, made in ARCHIVES.items():
            path = self._where() / f"{archive}.zip"
            if not filled(self._where() / made):
                if not path.is_file():
                    raise SparksError(f"{self.name}: there is no {path}: {self._way_out()}")
                unpack([path], self._where(), made)

    def require(self) -> None:
        """Look for the folders of images and of annotations.

        Raises:
            SparksError: naming what is missing.
        """
        for made in ARCHIVES.values():
            if not filled(self._where() / made):
                raise SparksError(
                    f"{self.name}: there is no folder {self._where() / made}: {self._way_out()}"
                )

    def _shown(self, split: str) -> tuple[Sequence[str], list[Shown]]:
        part = {"train": "train2014", "test": "val2014"}[split]
        annotations = self._annotations(self._where() / "annotations" / f"instances_{part}.json")
        categories = sorted(annotations["categories"], key=lambda category: category["id"])
        label = {category["id"]: place for place, category in enumerate(categories)}
        boxes = defaultdict(list)
        for thing in annotations["annotations"]:
            x, y, width, height = thing["bbox"]
            boxes[thing["image_id"], label[thing["category_id"]]].append(
                (x, y, x + width, y + height)
            )
        files = {image["id"]: image for image in annotations["images"]}
        rows = []
        for (image, place), found in sorted(boxes.items()):
            file = files[image]
            path = str(self._where() / part / file["file_name"])
            rows.append(Shown(path, place, (file["width"], file["height"]), found))
        return [category["name"] for category in categories], rows

    @staticmethod
    def _annotations(path: Path) -> dict[str, Any]:
        with path.open(encoding="utf-8") as file:
            annotations = json.load(file)
        if missing := {"images", "annotations", "categories"} - set(annotations):
            raise ValueError(f"{path} has no {min(missing)}")
        return dict(annotations)

    def _way_out(self) -> str:
        return (
            "put train2014.zip, val2014.zip and annotations_trainval2014.zip from cocodataset.org "
            f"into {self._where()}, then {self._command()}"
        )


def _on_crop(row: Shown, size: int) -> Tensor:
    """Return boxes in pixels of the decoded image, int16 (M, 4), without those cropped away."""
    (wide, high), left, top = placed(*row.sides, size)
    scale = torch.tensor([wide / row.sides[0], high / row.sides[1]]).repeat(2)
    boxes = torch.tensor(row.boxes) * scale - torch.tensor([left, top, left, top])
    boxes = torch.cat([boxes[:, :2].floor(), boxes[:, 2:].ceil()], dim=1).clamp(0, size)
    seen = (boxes[:, :2] < boxes[:, 2:]).all(1)
    return boxes[seen].to(torch.int16)


def _stacked(boxes: Sequence[Tensor]) -> Tensor:
    """Return boxes of all images as int16 (N, M, 4), filled up with rows of 0."""
    most = max(map(len, boxes), default=0)
    stacked = torch.zeros(len(boxes), most, 4, dtype=torch.int16)
    for place, own in enumerate(boxes):
        stacked[place, : len(own)] = own
    return stacked
