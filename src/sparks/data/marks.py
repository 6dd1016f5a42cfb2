"""Images and the marks that people left on them: clicks, eye fixations, ellipses.

A folder with images/ and one table of marks, a row each. ClickMe's clicks, OSIE's fixations and the
ellipses that people drew around objects are the same thing here; `sparks.data.human` makes maps of
them and says how well people agree.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparks.checks import whole
from sparks.data.decoding import placed, upright_sides
from sparks.data.imagenet_names import distinct_names
from sparks.data.imageset import ImageSet
from sparks.data.listing import HELD_OUT, TRAIN, split_of
from sparks.data.splits import stratified_subset
from sparks.data.torchvision_sets import from_files
from sparks.errors import SparksError

# Columns of the table. `subject` may be called `person`.
NEEDED = ("image", "subject", "x", "y")
OPTIONAL = {"a": 0.0, "b": 0.0, "angle": 0.0, "weight": 1.0}
_ALIASES = {"person": "subject"}


@dataclass(frozen=True)
class MarkedImages:
    """Builder of images with people's marks. The images stay files.

    The table is CSV, or NumPy's npz with an array a column; others are passed over:

        image    path below images/; in npz also its number in the array `names`
        subject  (or person) who made the mark: any text or number
        x, y     where, in pixels of `frame`, from its upper left corner
        a, b     half-axes of an ellipse in the same pixels, 0 (or no such column) for a point
        angle    of a, in degrees, clockwise from the x axis
        weight   1 where there is no such column

    Images that the table does not name are passed over, and so is a mark whose middle the crop to
    `size` cuts away. Where paths begin with a split's folder (train/, val/, ...), that is its
    split; otherwise nothing is to be trained and both splits are the same images.

    Attributes:
        root: folder with images/ and the table.
        table: its file, below `root`.
        size: side in pixels to which the images are resized and cropped.
        frame: width and height that x and y count in; None for those of each file.
        classes: "folders": the last folder of a path names the class (one class where there are
            none). "imagenet": ImageNet's 1,000, of which the folder is the number, from 0; where
            there is none the class is not known (`labelled: false` in config/dataset), and 0.
        n_train: at most so many training images, classes in their proportions; None for all.
        n_test: the same for the test images.
        seed: of that choice.
        source: where the user gets the files, to be named in errors.

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        Two people click on an image of 32 × 32 pixels, of which the middle 28 × 28 are used.

        >>> with TemporaryDirectory() as folder:
        ...     write(Path(folder, "images", "cat", "1.png"))
        ...     rows = "cat/1.png,Ann,8,20", "cat/1.png,Ben,10,20"
        ...     write(Path(folder, "marks.csv"), "image,subject,x,y", *rows)
        ...     images = MarkedImages(root=folder, size=28)()["test"]
        >>> images.truth["marks"][0, :, 0, :2].tolist()  # x and y of each person's first mark
        [[6.0, 18.0], [8.0, 18.0]]
    """

    root: str
    table: str = "marks.csv"
    size: int = 224
    frame: Sequence[int] | None = None
    classes: Literal["folders", "imagenet"] = "folders"
    n_train: int | None = None
    n_test: int | None = None
    seed: int = 0
    source: str = ""

    channels: ClassVar[int] = 3

    def __post_init__(self) -> None:
        whole(self, 1, "size")
        for name in ("n_train", "n_test"):
            if getattr(self, name) is not None:
                whole(self, 1, name)
        whole(self, 0, "seed")
        if self.frame is not None and (len(self.frame) != 2 or min(self.frame) <= 0):
            raise SparksError(f"frame is {list(self.frame)}: give width and height in pixels")

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits "train" and "test".

        Raises:
            SparksError: when the table or an image is missing, or a row is no mark.
        """
        columns = self._columns()
        paths, number = np.unique(columns["image"], return_inverse=True)
        self._require_images(paths)
        listed = self._labelled(paths.tolist())
        marks = self._marks(paths.tolist(), number, columns)
        images = replace(listed, truth={"marks": marks})
        splits = [split_of(str(path).split("/")[0]) for path in paths]
        train = [i for i, split in enumerate(splits) if split in TRAIN]
        test = [i for i, split in enumerate(splits) if split in HELD_OUT]
        if not (train and test):
            every = stratified_subset(images, self.n_test, self.seed)
            return {"train": every, "test": every}
        return {
            "train": stratified_subset(images.subset(train), self.n_train, self.seed),
            "test": stratified_subset(images.subset(test), self.n_test, self.seed),
        }

    def require(self) -> None:
        """Look whether the table and its images are there.

        Raises:
            SparksError: as building does.
        """
        self._require_images(np.unique(self._columns()["image"]))

    def _root(self) -> Path:
        return Path(self.root).expanduser()

    def _way_out(self) -> str:
        return f"put the table and images/ into {self.root}" + (
            f" ({self.source})" if self.source else ""
        )

    def _columns(self) -> dict[str, NDArray[Any]]:
        """Read the table: image and subject as text, the others as numbers."""
        path = self._root() / self.table
        if not path.is_file():
            raise SparksError(f"there is no table of marks {path}: {self._way_out()}")
        try:
            found = read_npz(path) if path.suffix == ".npz" else read_csv(path)
        except (OSError, ValueError, EOFError, BadZipFile, csv.Error, KeyError) as error:
            raise SparksError(
                f"the table of marks {path} is damaged or no such table "
                f"({str(error).splitlines()[0]}): {self._way_out()}"
            ) from error
        if missing := [name for name in NEEDED if name not in found]:
            raise SparksError(
                f"the table of marks {path} has no column {missing[0]} (it has "
                f"{', '.join(sorted(found))}): needed are {', '.join(NEEDED)}"
            )
        rows = len(found["image"])
        if not rows or any(len(found[name]) != rows for name in found if name != "names"):
            raise SparksError(
                f"the table of marks {path} is empty, or its columns differ in length"
            )
        columns = {"image": found["image"].astype(str), "subject": found["subject"].astype(str)}
        for name in ("x", "y", *OPTIONAL):
            values = found.get(name, np.full(rows, OPTIONAL.get(name)))
            columns[name] = self._numbers(path, name, values)
        return columns

    @staticmethod
    def _numbers(path: Path, name: str, values: NDArray[Any]) -> NDArray[Any]:
        try:
            numbers = values.astype(np.float64)
        except ValueError as error:
            raise SparksError(f"the table of marks {path}, column {name}: {error}") from error
        bad = ~np.isfinite(numbers) | ((numbers < 0) & (name in ("a", "b", "weight")))
        if bad.any():
            row = int(bad.argmax())
            raise SparksError(
                f"the table of marks {path}: {name} is {numbers[row]} in row {row + 1} (counted "
                "from 1, without the head): correct or remove it"
            )
        return numbers

    def _require_images(self, paths: NDArray[Any]) -> None:
        folder = self._root() / "images"
        missing = [path for path in paths.tolist() if not (folder / path).is_file()]
        if missing:
            raise SparksError(
                f"there is no image {folder / missing[0]} ({len(missing)} of {len(paths)} that "
                f"{self.table} names are missing): {self._way_out()}"
            )

    def _labelled(self, paths: Sequence[str]) -> ImageSet:
        """Return the images with their classes."""
        folders = [path.split("/")[-2] if "/" in path else "" for path in paths]
        folders = ["" if split_of(folder) else folder for folder in folders]
        if self.classes == "imagenet":
            names: Sequence[str] = distinct_names()
            labels = [int(folder) if folder.isdecimal() else 0 for folder in folders]
            if wrong := [label for label in labels if label >= len(names)]:
                raise SparksError(
                    f"{self._root() / 'images'}: the folder {wrong[0]} is no class of ImageNet, "
                    "whose numbers are 0 to 999"
                )
        else:
            names = sorted({folder or "images" for folder in folders})
            labels = [names.index(folder or "images") for folder in folders]
        files = [str(self._root() / "images" / path) for path in paths]
        return from_files(list(zip(files, labels, strict=True)), self.root, names, self.size)

    def _marks(
        self, paths: Sequence[str], number: NDArray[Any], columns: Mapping[str, NDArray[Any]]
    ) -> Tensor:
        """Return the marks in pixels of the decoded images, float32 (N, people, marks, 6)."""
        people = [dict[str, int]() for _ in paths]  # subject → place among those of an image
        rows: list[tuple[int, int, list[float]]] = []
        where = [self._placed(path) for path in paths]
        values = np.stack([columns[name] for name in ("x", "y", *OPTIONAL)], axis=1)
        for image, subject, row in zip(number.tolist(), columns["subject"], values, strict=True):
            place = people[image].setdefault(str(subject), len(people[image]))
            scale, left, top = where[image]
            x, y, a, b, angle, weight = row.tolist()
            x, y = x * scale[0] - left, y * scale[1] - top
            if 0 <= x < self.size and 0 <= y < self.size:
                mean = (scale[0] * scale[1]) ** 0.5  # the resizing keeps proportions, to rounding
                mark = [x, y, a * mean, b * mean, float(np.deg2rad(angle)), weight]
                rows.append((image, place, mark))
        counts: dict[tuple[int, int], int] = {}
        slots = []
        for image, place, _ in rows:
            slots.append(counts.setdefault((image, place), 0))
            counts[image, place] += 1
        most = (max(map(len, people)), max(counts.values(), default=1))
        marks = torch.zeros(len(paths), *most, 6)
        for (image, place, mark), slot in zip(rows, slots, strict=True):
            marks[image, place, slot] = torch.tensor(mark)
        return marks

    def _placed(self, path: str) -> tuple[tuple[float, float], int, int]:
        """Return what turns x and y into pixels of the decoded image: factors, left and top."""
        sides = upright_sides(self._root() / "images" / path)
        resized, left, top = placed(*sides, self.size)
        frame = self.frame or sides
        return (resized[0] / frame[0], resized[1] / frame[1]), left, top


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read the columns of a table of marks from NumPy's npz, without unpickling anything.

    Raises:
        OSError, ValueError, KeyError: when it is damaged, or numbers an image that `names` lacks.
    """
    with np.load(path, allow_pickle=False) as stored:
        found = {_ALIASES.get(name, name): stored[name] for name in stored.files}
    if "names" in found and "image" in found and found["image"].dtype.kind in "iu":
        numbers = found["image"]
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(found["names"]):
            raise ValueError(f"image {numbers.max()} is none of {len(found['names'])} names")
        found["image"] = found["names"][numbers]
    return found


def read_csv(path: Path) -> dict[str, NDArray[Any]]:
    """Read the columns of a table of marks from CSV, as text.

    Raises:
        OSError, ValueError: when it cannot be read, or a row has another number of values.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = list(csv.reader(file)) or [[]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise ValueError(f"line {number} has {len(row)} values, its head {len(head)}")
    names = [_ALIASES.get(name.strip(), name.strip()) for name in head]
    return {name: np.array([row[i] for row in rows]) for i, name in enumerate(names)}
