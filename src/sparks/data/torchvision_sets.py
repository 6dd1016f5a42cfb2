"""Public data sets, read by torchvision or as torchvision reads them, behind one interface.

Building never downloads: `download()` does, where the licence allows it, so that a workflow can run
it where there is a network. The sets here are small and held in memory.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from sparks.checks import whole
from sparks.data.fetch import Published, filled, has_digest, unpack
from sparks.data.idx import idx_shape, read_idx
from sparks.data.imageset import ImageSet, require_every_class
from sparks.data.splits import stratified_split, stratified_subset
from sparks.errors import SparksError

# Errors that torchvision raises for missing, foreign or damaged files.
_READ_ERRORS = (RuntimeError, OSError, ValueError, TypeError, AssertionError, KeyError, EOFError)


@dataclass(frozen=True)
class TorchvisionSet(ABC):
    """Base class of the builders of torchvision's data sets.

    Attributes:
        root: folder that files are read from and downloaded to.
        n_train: at most so many training images, classes in their proportions; None for all.
        n_test: the same for the test images.
        seed: of the choice of images, and of the split where the set has none.
    """

    root: str
    n_train: int | None = None
    n_test: int | None = None
    seed: int = 0

    name: ClassVar[str]
    folder: ClassVar[str] = ""  # below root, where the files lie

    def __post_init__(self) -> None:
        if self.n_train is not None:
            whole(self, 1, "n_train")
        if self.n_test is not None:
            whole(self, 1, "n_test")
        whole(self, 0, "seed")

    def __call__(self) -> dict[str, ImageSet]:
        """Build the splits "train" and "test".

        Raises:
            SparksError: when the files are missing or damaged, or a class has no image.
        """
        self.require()
        with self._reading():
            splits = self._read()
        wanted = {"train": self.n_train, "test": self.n_test}
        return {
            split: self._finish(
                require_every_class(
                    stratified_subset(images, wanted[split], self.seed), f"{self.name}, {split}"
                )
            )
            for split, images in splits.items()
        }

    def published(self) -> list[Published]:
        """Return the files that `download` fetches: address, place and digest of each.

        There are none where the user must bring the files.
        """
        return []

    def is_there(self) -> bool:
        """Return whether the files that `download` makes exist."""
        return filled(self._where())

    def require(self) -> None:
        """Look whether the files are there, without reading them.

        Raises:
            SparksError: saying which are missing, where they come from and where they belong.
        """
        if not self.is_there():
            raise SparksError(f"{self.name} is not in {self._where()}: {self._way_out()}")

    def download(self) -> None:
        """Fetch the files into `root` and unpack them; what is there already is kept.

        Raises:
            SparksError: when they cannot be fetched, or what is there is not what was published.
        """
        if self.is_there():
            return
        try:
            self._unpack([file.fetch() for file in self.published()])
        except SparksError as error:
            raise SparksError(f"{self.name}: {error}") from error

    def _unpack(self, files: Sequence[Path]) -> None:
        """Make the folder from the published files."""
        unpack(files, Path(self.root).expanduser(), self.folder)

    @abstractmethod
    def _read(self) -> dict[str, ImageSet]:
        """Return all images of both splits; what torchvision raises is translated by the caller."""

    def _finish(self, images: ImageSet) -> ImageSet:
        """Post-process the chosen images; unchanged by default."""
        return images

    def _where(self) -> Path:
        return Path(self.root).expanduser() / self.folder

    def _way_out(self) -> str:
        files = self.published()
        return (
            f"{self._command()} where there is a network; elsewhere put "
            f"{', '.join(file.url for file in files)} into {files[0].path.parent} first"
        )

    def _command(self) -> str:
        """Return the shell command that downloads and unpacks, or unpacks the user's archive."""
        call = f"{type(self).__name__}(root={self.root!r}).download()"
        return f'run ./sparks python -c "from sparks.data import {type(self).__name__}; {call}"'

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except _READ_ERRORS as error:
            raise SparksError(
                f"{self.name} in {self._where()} is damaged or incomplete ({_first_line(error)}): "
                f"move it away, then {self._way_out()}"
            ) from error


@dataclass(frozen=True)
class MNIST(TorchvisionSet):
    """Builder of MNIST, handwritten digits, 28 × 28 grey: 60,000 and 10,000 images.

    LeCun et al., Gradient-based learning applied to document recognition, 1998.

    Example:
        Files of ten images each, in the published format: a head, then a byte for each value.

        >>> with TemporaryDirectory() as folder:
        ...     for part in ("train", "t10k"):
        ...         head = bytes([0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 28, 0, 0, 0, 28])
        ...         file = Path(folder, f"{part}-images-idx3-ubyte")
        ...         _ = file.write_bytes(head + bytes(10 * 28 * 28))
        ...         file = Path(folder, f"{part}-labels-idx1-ubyte")
        ...         _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 10, *range(10)]))
        ...     images = MNIST(root=folder)()["test"]
        >>> images.images.shape, images.classes[3]
        (torch.Size([10, 1, 28, 28]), '3 - three')
    """

    channels = 1
    size = 28
    num_classes = 10
    name = "mnist"
    folder = "MNIST/raw"

    def published(self) -> list[Published]:
        """Return address, place and digest of the four files, which are read gzipped."""
        return [
            Published(self._mirror() + name, self._where() / name, md5, "md5")
            for name, md5 in self._dataset().resources
        ]

    def is_there(self) -> bool:
        """Return whether the four files exist, gzipped or not."""
        try:
            self._paths("train"), self._paths("t10k")
        except FileNotFoundError:
            return False
        return True

    def require(self) -> None:
        """Look whether the files are there and none is cut short, by their sizes.

        Raises:
            SparksError: naming one that is missing or cut short.
        """
        super().require()
        with self._reading():
            for prefix in ("train", "t10k"):
                for path, axes in zip(self._paths(prefix), (3, 1), strict=True):
                    idx_shape(path, axes)

    def _unpack(self, files: Sequence[Path]) -> None:
        """Leave them gzipped."""

    @staticmethod
    def _dataset() -> Any:
        """Return torchvision's class, which knows digests and classes."""
        from torchvision.datasets import MNIST as Dataset

        return Dataset

    def _mirror(self) -> str:
        return str(self._dataset().mirrors[0])

    def _read(self) -> dict[str, ImageSet]:
        """Read the four files as torchvision unpacks them, or gzipped as they are published."""
        return {"train": self._split("train"), "test": self._split("t10k")}

    def _split(self, prefix: str) -> ImageSet:
        files = self._paths(prefix)
        images, labels = read_idx(files[0], axes=3), read_idx(files[1], axes=1)
        if len(images) != len(labels):
            raise ValueError(f"{prefix} has {len(images)} images and {len(labels)} labels")
        return ImageSet(
            labels=labels.to(torch.int64), classes=self._classes(), images=images[:, None]
        )

    def _paths(self, prefix: str) -> tuple[Path, Path]:
        """Find the files of images and of labels."""
        return self._find(f"{prefix}-images-idx3"), self._find(f"{prefix}-labels-idx1")

    def _find(self, name: str) -> Path:
        """Find a file where torchvision has it, or in `root` itself, as Linux distributions do."""
        names = [
            f"{n}-ubyte{end}" for n in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")
        ]
        places = (self._where(), Path(self.root).expanduser())
        for path in (place / name for place in places for name in names):
            if path.is_file():
                return path
        raise FileNotFoundError(f"there is no {name}-ubyte or {name}-ubyte.gz, nor in {self.root}")

    def _classes(self) -> tuple[str, ...]:
        return tuple(self._dataset().classes)


@dataclass(frozen=True)
class FashionMNIST(MNIST):
    """Builder of Fashion-MNIST, clothes, 28 × 28 grey: 60,000 and 10,000 images.

    Xiao et al., arXiv 1708.07747. Its files have the format and the names of those of MNIST.

    Example:
        >>> clothes = FashionMNIST(root="data", n_train=5000)
        >>> [file.path.name for file in clothes.published()][:2]  # what clothes.download() fetches
        ['train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz']
        >>> clothes.channels, clothes.size, clothes.num_classes
        (1, 28, 10)
    """

    name = "fashion_mnist"
    folder = "FashionMNIST/raw"

    @staticmethod
    def _dataset() -> Any:
        from torchvision.datasets import FashionMNIST as Dataset

        return Dataset

    def _mirror(self) -> str:
        # torchvision's own has no https.
        return "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"


@dataclass(frozen=True)
class CIFAR10(TorchvisionSet):
    """Builder of CIFAR-10, small photographs, 32 × 32 RGB: 50,000 and 10,000 images.

    Krizhevsky, Learning multiple layers of features from tiny images, 2009. torchvision unpickles
    the batches, but only after their digests proved to be the published ones.

    Example:
        >>> photographs = CIFAR10(root="data", n_test=1000)
        >>> [file.path.name for file in photographs.published()]  # what .download() fetches
        ['cifar-10-python.tar.gz']
        >>> photographs.channels, photographs.size, photographs.num_classes
        (3, 32, 10)
    """

    channels = 3
    size = 32
    num_classes = 10
    name = "cifar10"
    folder = "cifar-10-batches-py"

    def published(self) -> list[Published]:
        """Return address, place and digest of the archive."""
        from torchvision.datasets import CIFAR10 as Dataset

        path = Path(self.root).expanduser() / Dataset.filename
        return [Published(Dataset.url, path, Dataset.tgz_md5, "md5")]

    def require(self) -> None:
        """Look at the batches' digests.

        Raises:
            SparksError: naming the first batch that is missing or not the published one.
        """
        from torchvision.datasets import CIFAR10 as Dataset

        super().require()
        entries = [*Dataset.train_list, *Dataset.test_list]
        with self._reading():
            for name, md5 in [*entries, (Dataset.meta["filename"], Dataset.meta["md5"])]:
                if not has_digest(self._where() / name, md5, "md5"):
                    raise OSError(f"{name} is missing, or not the published file")

    def _open(self, train: bool) -> Any:
        from torchvision.datasets import CIFAR10 as Dataset

        return Dataset(self.root, train=train)

    def _read(self) -> dict[str, ImageSet]:
        return {
            "train": self._convert(self._open(train=True)),
            "test": self._convert(self._open(train=False)),
        }

    def _convert(self, dataset: Any) -> ImageSet:
        return ImageSet(
            labels=torch.tensor(dataset.targets, dtype=torch.int64),
            classes=tuple(dataset.classes),
            images=torch.from_numpy(dataset.data).permute(0, 3, 1, 2).contiguous(),
        )


# As in torchvision, where they are no constants.
_EUROSAT = (
    "https://huggingface.co/datasets/torchgeo/eurosat/resolve/"
    "c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip"
)
_EUROSAT_MD5 = "c8fa014336c82ac7804f0398fcb19387"


@dataclass(frozen=True)
class EuroSAT(TorchvisionSet):
    """Builder of EuroSAT, satellite images, 64 × 64 RGB, 10 classes: 27,000 images.

    Helber et al., arXiv 1709.00029. The set has no split of its own.

    Attributes:
        test_share: share of every class that is held out, in (0, 1).

    Example:
        Two of the ten classes.

        >>> with TemporaryDirectory() as folder:
        ...     for number in range(10):
        ...         name = ("Forest", "River")[number % 2]
        ...         write(Path(folder, "eurosat", "2750", name, f"{name}_{number}.jpg"))
        ...     splits = EuroSAT(root=folder)()
        >>> splits["test"].classes, len(splits["train"]), len(splits["test"])
        (('Forest', 'River'), 8, 2)
    """

    test_share: float = 0.2

    channels = 3
    size = 64
    num_classes = 10
    name = "eurosat"
    folder = "eurosat/2750"

    def published(self) -> list[Published]:
        """Return address, place and digest of the archive."""
        return [Published(_EUROSAT, self._where().parent / "EuroSAT.zip", _EUROSAT_MD5, "md5")]

    def _unpack(self, files: Sequence[Path]) -> None:
        unpack(files, self._where().parent, self._where().name)

    def _read(self) -> dict[str, ImageSet]:
        from torchvision.datasets import EuroSAT as Dataset

        dataset = Dataset(self.root)
        images = from_files(dataset.samples, self.root, dataset.classes, size=64)
        return stratified_split(images, self.test_share, self.seed)

    def _finish(self, images: ImageSet) -> ImageSet:
        return images.materialise()


def from_files(
    samples: Sequence[tuple[str, int]],
    root: str,
    classes: Sequence[str],
    size: int,
    tables: dict[str, Any] | None = None,
) -> ImageSet:
    """Build a file-backed image set from torchvision's (path, label) pairs."""
    # torchvision expands "~" in some paths and not in others.
    base = os.path.abspath(os.path.expanduser(root))
    return ImageSet(
        labels=torch.tensor([label for _, label in samples], dtype=torch.int64),
        classes=tuple(classes),
        files=tuple(
            Path(os.path.relpath(os.path.abspath(os.path.expanduser(path)), base)).as_posix()
            for path, _ in samples
        ),
        root=base,
        size=size,
        tables=tables or {},
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
