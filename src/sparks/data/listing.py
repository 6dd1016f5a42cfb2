"""Listing of a user's folder of images: splits, classes, images, and other files.

Nothing here imports PyTorch: the workflow asks for the classes before any job starts.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import features

from sparks.errors import SparksError

# Names of split folders, in any case; of several held-out folders the first one named here is used.
TRAIN = ("train", "training")
HELD_OUT = ("test", "testing", "val", "valid", "validation", "dev", "eval", "evaluation")
# What may follow such a name: "test_set", "val-images".
_ENDING = re.compile(r"[-_ ]*(sets?|data|images?|splits?)$")

# Folders that programs leave behind; hidden ones (".ipynb_checkpoints") are passed over as well.
_LITTER = {"__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information"}
_LITTER_FILES = {"thumbs.db", "desktop.ini", "icon\r"}

# Formats that Pillow reads with nothing but what comes with it (see `sparks.data.decoding`).
SUFFIXES = (
    ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm",
    ".ppm", ".tif", ".tiff", ".webp",
    *([".avif"] if features.check("avif") else []),
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Division of a folder into splits and classes.

    Attributes:
        train: folder of the training images, or of all.
        test: folder of the held-out images; None where a share of `train` is to be held out.
        folders: names of the class folders in `train`; empty where the images lie in it themselves.
        notes: what was decided and what is not used, one line each.
    """

    train: Path
    test: Path | None
    folders: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; images without class folders are one class, named as the folder."""
        return tuple(map(printable, self.folders or (self.train.absolute().name,)))


@dataclass(frozen=True)
class Listing:
    """The images of one split.

    Attributes:
        images: paths below the split's folder of each class, "/" between their parts.
        notes: what is not used, one line each.
    """

    images: dict[str, list[str]]
    notes: tuple[str, ...]


def printable(name: str) -> str:
    """Return a file's name as text that can be encoded: bytes that are not UTF-8 become escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def layout(root: Path) -> Layout:
    """Find out how the folder `root` is divided into splits and classes.

    root/SPLIT/CLASS/image, root/CLASS/image and root/image are known; names of splits are those of
    `TRAIN` and `HELD_OUT`, in any case.

    Raises:
        SparksError: when the folder is missing, or can be read in more than one way.
    """
    if root.is_file():
        raise SparksError(f"image folder {root} is a file: unpack it, or name its folder")
    if not root.is_dir():
        raise SparksError(
            f"image folder {root} does not exist: make it with one sub-folder of images per "
            "class, or name another"
        )
    folders = subfolders(root)
    splits = {name: split for name in folders if (split := split_of(name))}
    divided = [name for name in splits if subfolders(root / name)]  # into classes
    trains = [name for name in divided if splits[name] in TRAIN]
    if len(trains) > 1:
        raise SparksError(
            f"image folder {root}: {_list(trains)} are all called like a folder of training "
            "images: leave one, and rename or move the others"
        )
    if trains:
        return _split(root, trains[0], divided, splits, folders)
    if divided or len(splits) > 1:
        called = _list(divided or list(splits))
        raise SparksError(
            f"image folder {root} has folders called like splits ({called}), "
            "but no folder `train` with class folders beside: make root/train/CLASS/image and "
            "root/test/CLASS/image, or rename them if they are classes"
        )
    for name in folders:
        inside = {split_of(inner) for inner in subfolders(root / name)}
        if inside & {*TRAIN} and inside & {*HELD_OUT}:
            raise SparksError(
                f"image folder {root}: the class folder {name!r} holds split folders, which would "
                "be mixed: put the splits outside, root/train/CLASS/image"
            )
    return Layout(root, None, tuple(folders))


def split_of(name: str) -> str | None:
    """Return which of the names of splits a folder's name is, None if it is none."""
    plain = _ENDING.sub("", name.lower())
    return plain if plain in (*TRAIN, *HELD_OUT) else None


def _split(
    root: Path, train: str, divided: list[str], splits: dict[str, str], folders: list[str]
) -> Layout:
    """Return the layout of a folder with a training split."""
    held_out = sorted((n for n in divided if n != train), key=lambda n: HELD_OUT.index(splits[n]))
    if len(held_out) > 1 and splits[held_out[0]] == splits[held_out[1]]:
        raise SparksError(
            f"image folder {root}: {_list(held_out[:2])} are both called like a held-out split: "
            "leave one, and rename or move the other"
        )
    others = [name for name in folders if name not in (train, *held_out[:1])]
    if not held_out and any(name not in splits for name in others):
        raise SparksError(
            f"image folder {root}: {train!r} holds folders as a split does, but beside it lie "
            f"{_list(others)} and no held-out split: make root/test/CLASS/image, or take them away"
        )
    used = f"{train!r} for training, " + (
        f"{held_out[0]!r} held out" if held_out else "a share of it held out"
    )
    notes = (f"image folder {root}: {used}; not used: {_list(others)}",) if others else ()
    return Layout(
        root / train,
        root / held_out[0] if held_out else None,
        tuple(subfolders(root / train)),
        notes,
    )


def images(split: Path, folders: Sequence[str]) -> Listing:
    """List the images of a split, class by class, those in sub-folders included.

    Links are followed, but no folder is listed twice: a link to a folder above ends there.

    Args:
        split: the split's folder.
        folders: names of its class folders; none where the images lie in it themselves.

    Raises:
        SparksError: when a class has no image, two classes are one folder, an image is a broken
            link, or a folder cannot be read.
    """
    walk = _Walk(split)
    if not folders:
        found = {printable(split.absolute().name): [*walk.files(split, deep=False)]}
    else:
        seen: dict[tuple[int, int], str] = {}
        for name in folders:
            if (key := _identity(split / name)) in seen:
                raise SparksError(
                    f"image folder {split}: the classes {seen[key]!r} and {name!r} are one folder "
                    "(a link): remove one"
                )
            seen[key] = name
        walk.seen |= set(seen)
        found = {printable(name): [*walk.files(split / name)] for name in folders}
        walk.outside = sum(_is_image(entry) for entry in _entries(split))
    if not folders and not any(found.values()):
        raise SparksError(
            f"image folder {split} holds neither class folders nor images{walk.reason()}: make one "
            "sub-folder of images per class"
        )
    if empty := [name for name, files in found.items() if not files]:
        raise SparksError(
            f"image folder {split}: class {empty[0]!r} has no image ({len(empty)} of {len(found)} "
            f"classes are empty){walk.reason()}. Add images or remove the class"
        )
    return Listing(found, walk.notes())


class _Walk:
    """Goes through the folders of one split and counts what it passes over."""

    def __init__(self, split: Path) -> None:
        self.split = split
        self.seen = {_identity(split)}
        self.other: Counter[str] = Counter()  # ending → files
        self.links = 0
        self.outside = 0

    def files(self, folder: Path, deep: bool = True) -> Iterator[str]:
        """Yield the images in `folder` and, if `deep`, below it; sorted, folder by folder."""
        waiting = [folder]
        listed: list[tuple[str, list[str]]] = []
        while waiting:
            here = waiting.pop()
            names = []
            for entry in _entries(here):
                if _is_folder(entry):
                    if deep and self._is_new(entry):
                        waiting.append(Path(entry.path))
                elif _is_image(entry):
                    names.append(entry.name)
                else:
                    self.other[os.path.splitext(entry.name)[1].lower() or "no ending"] += 1
            listed.append((os.path.relpath(here, self.split), sorted(names)))
        for place, names in sorted(listed):
            prefix = "" if place == "." else place.replace(os.sep, "/") + "/"
            yield from (prefix + name for name in names)

    def _is_new(self, entry: os.DirEntry[str]) -> bool:
        key = _identity(Path(entry.path))
        new = key not in self.seen
        self.links += not new
        self.seen.add(key)
        return new

    def reason(self) -> str:
        """Say which files are there but are no images that can be read."""
        if not self.other:
            return ""
        counts = ", ".join(f"{n} {_ending(ending)}" for ending, n in self.other.most_common(5))
        return f"; not read: {counts}; read are {' '.join(SUFFIXES)}"

    def notes(self) -> tuple[str, ...]:
        """Return what was passed over, in a line each."""
        notes = []
        if self.other:
            counts = ", ".join(f"{n} {_ending(ending)}" for ending, n in self.other.most_common())
            notes.append(f"passed over {counts} (read are {' '.join(SUFFIXES)})")
        if self.outside:
            notes.append(f"passed over {self.outside} images beside the class folders")
        if self.links:
            notes.append(f"passed over {self.links} links to folders that are listed already")
        return tuple(f"image folder {self.split}: {note}" for note in notes)


def _ending(ending: str) -> str:
    return f"{ending} files" if ending.startswith(".") else "files without an ending"


def subfolders(folder: Path) -> list[str]:
    """Return the names of the folders in `folder`, sorted, without hidden ones and litter."""
    return sorted(entry.name for entry in _entries(folder) if _is_folder(entry))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, without hidden entries and litter."""
    try:
        with os.scandir(folder) as entries:
            return [
                entry
                for entry in entries
                if not entry.name.startswith(".")
                and entry.name.lower() not in _LITTER | _LITTER_FILES
            ]
    except OSError as error:
        raise SparksError(
            f"image folder {folder} cannot be read ({error.strerror}): check its permissions"
        ) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle
        return False


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file with the suffix of an image.

    Raises:
        SparksError: when it is called so but is a link to nothing.
    """
    if not entry.name.lower().endswith(SUFFIXES):
        return False
    try:
        if entry.is_symlink():  # of all others the folder has said what they are
            os.stat(entry.path)
    except OSError as error:
        raise SparksError(
            f"image {entry.path} cannot be read ({error.strerror}): it is a broken link, or its "
            "folder is closed; restore or remove it"
        ) from error
    return entry.is_file()  # neither a folder, a pipe nor a device


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if names[5:] else "")
