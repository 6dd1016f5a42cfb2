"""ImageNet and its small relative Imagenette, through torchvision. The images stay files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sparks.data.fetch import guarded
from sparks.data.imageset import ImageSet
from sparks.data.torchvision_sets import TorchvisionSet, from_files
from sparks.errors import SparksError

# Labels in ImageNet of the ten classes of Imagenette, in the order of their WordNet ids.
IMAGENETTE_IN_IMAGENET = (0, 217, 482, 491, 497, 566, 569, 571, 574, 701)


@dataclass(frozen=True)
class ImageNet(TorchvisionSet):
    """ILSVRC 2012, 1,000 classes; "test" is its validation set. The images stay files.

    Attributes:
        size: side in pixels to which the images are resized and cropped.
        num_classes: how many of the 1,000 classes, chosen at random by `seed`; None for all.
    """

    size: int = 224
    num_classes: int | None = None

    channels = 3
    name = "imagenet"

    def download(self) -> None:
        """Unpack the archives put into `root`; the licence forbids programs to fetch them."""
        from torchvision.datasets import ImageNet as Dataset

        with self._reading(), guarded():
            for split in ("train", "val"):
                Dataset(self.root, split=split)

    def _read(self) -> dict[str, ImageSet]:
        from torchvision.datasets import ImageNet as Dataset

        # torchvision would unpack 150 GB on the way; that is for `download` to do.
        for entry in ("meta.bin", "train", "val"):
            if not (Path(self.root) / entry).exists():
                raise FileNotFoundError(f"there is no {entry}")
        return {
            split: self._convert(Dataset(self.root, split=part))
            for split, part in (("train", "train"), ("test", "val"))
        }

    def _convert(self, dataset: Any) -> ImageSet:
        names = _distinct([synonyms[0] for synonyms in dataset.classes], dataset.wnids)
        chosen = self._chosen(len(names))
        place = {label: i for i, label in enumerate(chosen)}
        samples = [(path, place[label]) for path, label in dataset.samples if label in place]
        tables = {"wnids": [dataset.wnids[label] for label in chosen]}
        return from_files(samples, self.root, [names[i] for i in chosen], self.size, tables)

    def _chosen(self, available: int) -> list[int]:
        """Labels of the classes that are kept, in their order; the same in both splits."""
        if self.num_classes is None:
            return list(range(available))
        if not 2 <= self.num_classes <= available:
            raise SparksError(f"imagenet: num_classes is {self.num_classes}: use 2 to {available}")
        generator = torch.Generator().manual_seed(self.seed)
        return sorted(torch.randperm(available, generator=generator)[: self.num_classes].tolist())

    def _way_out(self) -> str:
        return (
            "put ILSVRC2012_devkit_t12.tar.gz, ILSVRC2012_img_train.tar and "
            f"ILSVRC2012_img_val.tar from image-net.org into {self.root} and unpack them with: "
            f'python -c "from sparks.data import ImageNet; ImageNet(root={self.root!r}).download()"'
        )


@dataclass(frozen=True)
class Imagenette(TorchvisionSet):
    """Ten easy classes of ImageNet (J. Howard, fast.ai); "test" is its validation set. Files.

    `tables["imagenet_labels"]` gives the label of each class in ImageNet.

    Attributes:
        size: side in pixels to which the images are resized and cropped.
        variant: which archive: "full", "320px" or "160px" on the shorter side.
    """

    size: int = 224
    variant: str = "320px"

    channels = 3
    num_classes = 10
    name = "imagenette"

    def download(self) -> None:
        """Fetch the archive into `root` and unpack it; nothing is done where it is unpacked."""
        from torchvision.datasets import Imagenette as Dataset

        with self._downloading():
            Dataset(self.root, size=self.variant, download=True)

    def _where(self) -> Path:
        suffix = "" if self.variant == "full" else "-" + self.variant.removesuffix("px")
        return Path(self.root) / f"imagenette2{suffix}"

    def _read(self) -> dict[str, ImageSet]:
        from torchvision.datasets import Imagenette as Dataset

        return {
            split: self._convert(Dataset(self.root, split=part, size=self.variant))
            for split, part in (("train", "train"), ("test", "val"))
        }

    def _convert(self, dataset: Any) -> ImageSet:
        in_imagenet = dict(zip(sorted(dataset._WNID_TO_CLASS), IMAGENETTE_IN_IMAGENET, strict=True))
        tables = {
            "wnids": list(dataset.wnids),
            "imagenet_labels": [in_imagenet[wnid] for wnid in dataset.wnids],
        }
        names = [synonyms[0] for synonyms in dataset.classes]
        return from_files(dataset._samples, self.root, names, self.size, tables)


def _distinct(names: Sequence[str], wnids: Sequence[str]) -> list[str]:
    """Names made different where ImageNet repeats them: it has two cranes and two maillots."""
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name} ({wnid})"
        for name, wnid in zip(names, wnids, strict=True)
    ]
