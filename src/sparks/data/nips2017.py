"""The 1,000 photographs of the adversarial competition of NIPS 2017, with their photographers."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sparks.checks import whole
from sparks.data.imagenet_names import distinct_names
from sparks.data.imageset import ImageSet
from sparks.data.listing import SUFFIXES
from sparks.data.splits import stratified_subset
from sparks.data.torchvision_sets import from_files
from sparks.errors import SparksError

TABLE = "dev_dataset.csv"
_COLUMNS = ("ImageId", "TrueLabel", "Author", "License", "OriginalLandingURL")
_WAY_OUT = (
    f"put {TABLE} and the photographs images/ImageId.png (or .jpg) of the competition's "
    "development set there (kaggle.com/c/nips-2017-non-targeted-adversarial-attack)"
)


@dataclass(frozen=True)
class Nips2017:
    """Builder of the development set of the NIPS 2017 adversarial competition, 1,000 photographs.

    A. Kurakin et al., Adversarial Attacks and Defences Competition (arXiv 1804.00097): photographs
    under CC BY 2.0, none of them in ImageNet, of 430 of its 1,000 classes. Labels were chosen among
    those that classifiers propose, which makes networks look more accurate than they are. Classes
    are ImageNet's 1,000, in its order: `TrueLabel` of the table counts from 1, labels from 0. The
    images stay files.

    Nothing is to be trained on them: the splits "train" and "test" are the same images. Each has
    its photographer, licence and address (`ImageSet.credits`).

    Attributes:
        root: folder with dev_dataset.csv and images/.
        size: side in pixels to which the images are resized and cropped.
        n_test: at most so many images, classes in their proportions; None for all.
        seed: of that choice.

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        >>> licence = "https://creativecommons.org/licenses/by/2.0/"
        >>> head = "ImageId,TrueLabel,Author,License,OriginalLandingURL"
        >>> row = f"0a1b,1,Ada,{licence},https://flickr.com/1"
        >>> with TemporaryDirectory() as folder:
        ...     write(Path(folder, "dev_dataset.csv"), head, row)
        ...     write(Path(folder, "images", "0a1b.png"))
        ...     images = Nips2017(root=folder)()["test"]
        >>> images.classes[images.labels[0]], images.credits[0]
        ('tench', 'Ada, CC BY 2.0, https://flickr.com/1')
    """

    root: str
    size: int = 224
    n_test: int | None = None
    seed: int = 0

    channels: ClassVar[int] = 3
    num_classes: ClassVar[int] = 1000

    def __post_init__(self) -> None:
        whole(self, 1, "size")
        if self.n_test is not None:
            whole(self, 1, "n_test")
        whole(self, 0, "seed")

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits.

        Raises:
            SparksError: when the table or a photograph is missing, or the table is another one.
        """
        rows = self._rows()
        files = self._files([row["ImageId"] for row in rows])
        labels = [int(row["TrueLabel"]) - 1 for row in rows]
        tables = {"imagenet_labels": list(range(self.num_classes))}
        samples = list(zip(files, labels, strict=True))
        images = from_files(samples, self.root, distinct_names(), self.size, tables).credited(
            [f"{r['Author']}, {_licence(r['License'])}, {r['OriginalLandingURL']}" for r in rows]
        )
        images = stratified_subset(images, self.n_test, self.seed)
        return {"train": images, "test": images}

    def require(self) -> None:
        """Look whether the table and its photographs are there, without reading these.

        Raises:
            SparksError: as building does.
        """
        self._files([row["ImageId"] for row in self._rows()])

    def _root(self) -> Path:
        return Path(self.root).expanduser()

    def _rows(self) -> list[dict[str, str]]:
        """Read the table."""
        path = self._root() / TABLE
        if not path.is_file():
            raise SparksError(f"nips2017: there is no {path}: {_WAY_OUT}")
        try:
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                missing = [c for c in _COLUMNS if c not in (reader.fieldnames or ())]
                rows = list(reader)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SparksError(f"nips2017: {path} cannot be read ({error}): {_WAY_OUT}") from error
        if missing or not rows:
            what = f"has no column {missing[0]}" if missing else "has no row"
            raise SparksError(f"nips2017: {path} {what}: {_WAY_OUT}")
        for number, row in enumerate(rows, start=2):
            label = row["TrueLabel"] or ""
            if not (label.isdecimal() and 1 <= int(label) <= self.num_classes):
                raise SparksError(
                    f"nips2017: {path}, line {number}: TrueLabel is {label!r}, not 1 to "
                    f"{self.num_classes}: copy the table again"
                )
        return rows

    def _files(self, names: list[str]) -> list[str]:
        """Find the photograph of each row."""
        folder = self._root() / "images"
        there = {}
        if folder.is_dir():
            listed = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
            there = {path.stem: path.name for path in sorted(listed)}
        if missing := [name for name in names if name not in there]:
            raise SparksError(
                f"nips2017: there is no photograph {folder / missing[0]}.png or .jpg "
                f"({len(missing)} of {len(names)} are missing): {_WAY_OUT}"
            )
        return [str(folder / there[name]) for name in names]


def _licence(address: str) -> str:
    """Return the short name of a Creative Commons licence, and others as they are."""
    parts = address.rstrip("/").split("/")
    if "creativecommons.org" in address and "licenses" in parts:
        kind, version = parts[parts.index("licenses") + 1 :][:2]
        return f"CC {kind.upper()} {version}"
    return address
