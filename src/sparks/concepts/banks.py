"""Banks of concepts of many classes: a folder of files, and what gives studies their concepts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sparks.concepts.bank import ConceptBank
from sparks.concepts.layer import Layer
from sparks.errors import SparksError
from sparks.io import atomic_folder

if TYPE_CHECKING:
    import pandas as pd


class ConceptSource(Protocol):
    """Gives the concepts of classes: those of `Banks`, or fitted as they are asked for."""

    @property
    def classes(self) -> Sequence[int]:
        """The classes that have concepts, by their numbers."""

    def __call__(self, layer: Layer, target: int) -> ConceptBank:
        """Return the concepts of a class at a layer."""


@dataclass(frozen=True)
class Banks:
    """Concepts on disk: a folder with a file for each class, `TARGET.safetensors`.

    Attributes:
        folder: where they are.

    Example:
        >>> from sparks.concepts import NMF, Extractor, Layer
        >>> from tempfile import TemporaryDirectory
        >>> from pathlib import Path
        >>> extractor = Extractor(dictionary=NMF(concepts=3))
        >>> fitted = extractor.fit(Layer(model, "1", images[:1]), images, target=4)
        >>> with TemporaryDirectory() as folder:
        ...     table = Banks.write(f"{folder}/banks", [fitted])
        ...     Banks(Path(folder) / "banks").classes
        [4]
    """

    folder: Path

    @classmethod
    def beside(cls, table: str | Path) -> Banks:
        """Return the banks that lie beside their table (see `write`)."""
        return cls(Path(table).with_suffix(""))

    @property
    def classes(self) -> list[int]:
        """The classes that have concepts, by their numbers."""
        return sorted(int(file.stem) for file in self.folder.glob("*.safetensors"))

    def load(self, target: int) -> ConceptBank:
        """Read the concepts of a class.

        Raises:
            SparksError: when there are none.
        """
        path = self.folder / f"{target}.safetensors"
        if not path.is_file():
            raise SparksError(
                f"{self.folder} has no concepts of class {target}: raise `most` of its extractor "
                "(config/bank), or choose a class that the model predicts for training images"
            )
        return ConceptBank.load(path)

    def __iter__(self) -> Iterator[ConceptBank]:
        return (self.load(target) for target in self.classes)

    @classmethod
    def write(
        cls,
        folder: str | Path,
        banks: Iterable[ConceptBank],
        provenance: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Write banks to a folder as they come, whole or not at all.

        Returns:
            What was fitted, a row a class: columns target, images, crops, concepts, kind (class of
            the dictionary), method, iterations, converged, loss and digest (of the bank).

        Raises:
            SparksError: when the folder cannot be written.
        """
        import pandas as pd

        rows = []
        with atomic_folder(folder) as made:
            for bank in banks:
                bank.save(made / f"{bank.target}.safetensors", provenance)
                fit = bank.dictionary.fit
                counts = len(bank.index), len(bank.crops), bank.k
                how = fit.method, fit.iterations, fit.converged, fit.loss
                kind = bank.kind
                rows.append((bank.target, *counts, kind, *how, bank.digest()))
        columns = ["target", "images", "crops", "concepts", "kind"]
        columns += ["method", "iterations", "converged", "loss", "digest"]
        return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class StoredConcepts:
    """The concepts of a network's layers, read from disk; a `ConceptSource`.

    Attributes:
        banks: name of a layer → its banks.
        signed: whether concepts of activations below zero are taken; else they are refused.
    """

    banks: Mapping[str, Banks]
    signed: bool = True

    @property
    def classes(self) -> Sequence[int]:
        """The classes that have concepts at every layer."""
        each = [set(banks.classes) for banks in self.banks.values()]
        return sorted(set.intersection(*each))

    def __call__(self, layer: Layer, target: int) -> ConceptBank:
        """Read the concepts of a class at a layer.

        Raises:
            SparksError: when there are none, or they are refused.
        """
        if layer.name not in self.banks:
            raise SparksError(
                f"there are no concepts at layer {layer.name!r}, only at {sorted(self.banks)}"
            )
        bank = self.banks[layer.name].load(target)
        if bank.signed and not self.signed:
            raise SparksError(
                f"activations at layer {layer.name!r} go below zero, where concepts are those of "
                f"{bank.dictionary.fit.method}: take the output of a ReLU layer"
            )
        return bank
