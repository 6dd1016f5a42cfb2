"""ImageNet and its small subset Imagenette, whose classes are folders. The images stay files."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sparks.data.fetch import Published, being_made, filled, guarded, intact, unpack
from sparks.data.imagenet_names import distinct_names
from sparks.data.imageset import ImageSet
from sparks.data.listing import images as listed
from sparks.data.listing import subfolders
from sparks.data.torchvision_sets import TorchvisionSet, from_files
from sparks.errors import SparksError

_WNID = re.compile(r"n\d{8}")
# Labels in ImageNet of the ten classes of Imagenette, in the order of their WordNet ids.
IMAGENETTE_IN_IMAGENET = (0, 217, 482, 491, 497, 566, 569, 571, 574, 701)


@dataclass(frozen=True)
class ImageNet(TorchvisionSet):
    """Builder of ImageNet (ILSVRC 2012), 1,000 classes; "test" is its validation set.

    Russakovsky et al., arXiv 1409.0575. The images stay files.

    The folders train/WNID and val/WNID are enough. A file meta.bin beside them, which `download`
    makes of the development kit, says how the classes are called; without it, all 1,000 must be
    there, and have the names that come with timm.

    Attributes:
        size: side in pixels to which the images are resized and cropped.
        num_classes: how many of the 1,000 classes, chosen at random by `seed`; None for all.

    Example:
        A meta.bin of two classes stands for that of all.

        >>> with TemporaryDirectory() as folder:
        ...     wnids = {"n01440764": ("tench",), "n01443537": ("goldfish",)}
        ...     torch.save((wnids, []), Path(folder, "meta.bin"))
        ...     for wnid in wnids:
        ...         write(Path(folder, "train", wnid, "1.JPEG"))
        ...         write(Path(folder, "val", wnid, "2.JPEG"))
        ...     images = ImageNet(root=folder)()["test"]
        >>> images.classes, images.files[0]
        (('tench', 'goldfish'), 'val/n01440764/2.JPEG')
    """

    size: int = 224
    num_classes: int | None = None

    channels = 3
    name = "imagenet"

    def require(self) -> None:
        """Look for the folder of each class.

        Raises:
            SparksError: naming what is missing.
        """
        for entry in ("train", "val"):
            if not (self._where() / entry).exists():
                raise SparksError(
                    f"{self.name}: there is no {entry} in {self._where()}: {self._way_out()}"
                )
        wnids = set(self._names())
        for split in ("train", "val"):
            require_folders(self.name, self._where() / split, wnids)

    def download(self) -> None:
        """Unpack the archives put into `root`; the licence forbids programs to fetch them.

        Raises:
            SparksError: when one is missing or not the published one.
        """
        from torchvision.datasets import imagenet

        steps = {
            "meta.bin": ("devkit", imagenet.parse_devkit_archive),
            "train": ("train", imagenet.parse_train_archive),
            "val": ("val", imagenet.parse_val_archive),
        }
        for made, (key, parse) in steps.items():
            if not (self._where() / made).exists():
                self._unpack_into(made, self._where() / imagenet.ARCHIVE_META[key][0], parse)

    def _unpack_into(self, made: str, archive: Path, parse: Callable[[str], None]) -> None:
        """Let torchvision make a file or folder from an archive, in a folder of its own."""
        if not archive.is_file():
            raise SparksError(f"{self.name}: there is no {archive}: {self._way_out()}")
        with being_made(archive.parent / made) as half, intact(archive), guarded():
            # The folder with the image classes is made with the help of meta.bin.
            for needed in (archive, archive.parent / "meta.bin"):
                if needed.exists():
                    (half / needed.name).symlink_to(needed.resolve())
            try:
                parse(str(half))
            except RuntimeError as error:
                raise SparksError(
                    f"{self.name}: {archive} is not the published file, or only a part of it (its "
                    "MD5 is another): fetch or copy it again"
                ) from error
            os.replace(half / made, archive.parent / made)

    def _names(self) -> dict[str, str]:
        """Return the name of each class by its WordNet id, in the order of these."""
        from torchvision.datasets.imagenet import load_meta_file

        if not (self._where() / "meta.bin").exists():
            return dict(zip(self._wnids(), distinct_names(), strict=True))
        with self._reading():
            synonyms = load_meta_file(self._where())[0]
        wnids = sorted(synonyms)
        return dict(zip(wnids, _distinct([synonyms[w][0] for w in wnids], wnids), strict=True))

    def _wnids(self) -> list[str]:
        """List the WordNet ids of all classes, which are the folders of the training images.

        Raises:
            SparksError: when they are not 1,000, so that none of them tells its own number.
        """
        folder = self._where() / "train"
        wnids = [name for name in subfolders(folder) if _WNID.fullmatch(name)]
        if len(wnids) != len(distinct_names()):
            raise SparksError(
                f"{self.name}: {folder} has {len(wnids)} of the 1,000 folders n01440764 to "
                "n15075141: add the others, or use dataset=folder for some classes"
            )
        return wnids

    def _read(self) -> dict[str, ImageSet]:
        names = self._names()
        wnids = list(names)
        chosen = [wnids[label] for label in self._chosen(len(wnids))]
        named = {wnid: names[wnid] for wnid in chosen}
        return {
            split: of_wnids(self._where() / part, self.root, named, self.size)
            for split, part in (("train", "train"), ("test", "val"))
        }

    def _chosen(self, available: int) -> list[int]:
        """Return labels of the classes that are kept, in their order; the same in both splits."""
        if self.num_classes is None:
            return list(range(available))
        if not 2 <= self.num_classes <= available:
            raise SparksError(f"imagenet: num_classes is {self.num_classes}: use 2 to {available}")
        generator = torch.Generator().manual_seed(self.seed)
        return sorted(torch.randperm(available, generator=generator)[: self.num_classes].tolist())

    def _way_out(self) -> str:
        return (
            "put the folders train/WNID and val/WNID there, or ILSVRC2012_devkit_t12.tar.gz, "
            "ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar from image-net.org into "
            f"{self.root}, then {self._command()}"
        )


@dataclass(frozen=True)
class Imagenette(TorchvisionSet):
    """Builder of Imagenette, ten easy classes of ImageNet; "test" is its validation set.

    J. Howard, fast.ai. `tables["imagenet_labels"]` is the label of each class in ImageNet. The
    images stay files.

    Attributes:
        size: side in pixels to which the images are resized and cropped.
        variant: which archive: "full", "320px" or "160px" on the shorter side.

    Example:
        >>> wnids = "n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042"
        >>> with TemporaryDirectory() as folder:
        ...     for wnid in f"{wnids} n03425413 n03445777 n03888257".split():
        ...         write(Path(folder, "imagenette2-320", "train", wnid, "1.JPEG"))
        ...         write(Path(folder, "imagenette2-320", "val", wnid, "2.JPEG"))
        ...     images = Imagenette(root=folder)()["test"]
        >>> images.classes[3], images.tables["imagenet_labels"][3]
        ('chain saw', 491)
    """

    size: int = 224
    variant: str = "320px"

    channels = 3
    num_classes = 10
    name = "imagenette"

    def published(self) -> list[Published]:
        """Return address, place and digest of the archive."""
        url, md5 = _torchvisions()._ARCHIVES[self.variant]
        path = Path(self.root).expanduser() / url.rpartition("/")[2]
        return [Published(url, path, md5, "md5")]

    def _unpack(self, files: Sequence[Path]) -> None:
        unpack(files, self._where().parent, self._where().name)

    def _where(self) -> Path:
        suffix = "" if self.variant == "full" else "-" + self.variant.removesuffix("px")
        return Path(self.root).expanduser() / f"imagenette2{suffix}"

    def require(self) -> None:
        """Look for the folder of each class.

        Raises:
            SparksError: naming what is missing.
        """
        super().require()
        for split in ("train", "val"):
            require_folders(self.name, self._where() / split, _torchvisions()._WNID_TO_CLASS)

    def _read(self) -> dict[str, ImageSet]:
        return {"train": self._split("train"), "test": self._split("val")}

    def _split(self, split: str) -> ImageSet:
        synonyms = _torchvisions()._WNID_TO_CLASS
        names = {wnid: synonyms[wnid][0] for wnid in sorted(synonyms)}
        tables = {"imagenet_labels": list(IMAGENETTE_IN_IMAGENET)}
        return of_wnids(self._where() / split, self.root, names, self.size, tables)


def of_wnids(
    folder: Path,
    root: str,
    names: Mapping[str, str],
    size: int,
    tables: Mapping[str, Any] | None = None,
) -> ImageSet:
    """List the images of the classes `names` (WordNet id → name) of a split.

    `tables["wnids"]` gives the ids.

    Raises:
        SparksError: when a class has no image.
    """
    found = listed(folder, list(names)).images
    samples = [
        (str(folder / file), label) for label, files in enumerate(found.values()) for file in files
    ]
    tables = {"wnids": list(names), **(tables or {})}
    return from_files(samples, root, list(names.values()), size, tables)


def _torchvisions() -> Any:
    """Return torchvision's class of Imagenette, which knows addresses, digests and classes."""
    from torchvision.datasets import Imagenette as Dataset

    return Dataset


def require_folders(name: str, folder: Path, wnids: Collection[str]) -> None:
    """Refuse a split of the data set `name` without a folder for each class.

    Raises:
        SparksError: naming the split, or a class whose folder is missing or not known.
    """
    if not folder.is_dir():
        raise SparksError(f"{name}: there is no folder {folder}: unpack the archive again")
    there = set(subfolders(folder))
    if missing := sorted(set(wnids) - there):
        raise SparksError(
            f"{name}: {folder} has no folder {missing[0]} ({len(missing)} of {len(wnids)} classes "
            "are missing): unpack the archive again, or use dataset=folder for some of its classes"
        )
    if empty := [wnid for wnid in sorted(wnids) if not filled(folder / wnid)]:
        raise SparksError(
            f"{name}: {folder / empty[0]} is empty ({len(empty)} of {len(wnids)} classes are): "
            "unpack the archive again, or use dataset=folder for some of its classes"
        )
    if unknown := sorted(there - set(wnids)):
        raise SparksError(
            f"{name}: {folder} has a folder {unknown[0]}, which is none of its classes: move it "
            "away"
        )


def _distinct(names: Sequence[str], wnids: Sequence[str]) -> list[str]:
    """Return names made distinct where ImageNet repeats them (two cranes, two maillots)."""
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name} ({wnid})"
        for name, wnid in zip(names, wnids, strict=True)
    ]
